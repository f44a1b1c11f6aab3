using Calico.Host.Plugins;
using Calico.Host.Workloads;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>After the gate has opened: adapters are asked what runs. Ends with the drain, because it asks adapters.</summary>
internal sealed class LiveStage(PluginRoster roster, LiveReports reports, WorkloadConnector connector, TimeSpan interval,
    HostBasis basis) : IHostStage
{
    private readonly ILogger _logger = basis.Loggers.CreateLogger<LiveStage>();
    private readonly HostLoops _loops = new(basis.Health, basis.Loggers.CreateLogger<LiveStage>());

    public string Name => "live reports";

    public string Doing => "adapters are about to be asked what runs";

    public Task StartAsync(CancellationToken ct)
    {
        foreach (var plugin in roster.Plugins)
        {
            var name = plugin.Folder.Name;
            try
            {
                if (plugin.Live is { } live)
                {
                    reports.Expect(name);
                    var inquiry = new LiveInquiry(name, live, reports, connector, basis.Health, basis.Time, _logger);
                    _loops.Run($"live reports of {name}", token => inquiry.RunAsync(interval, token));
                }
            }
            catch (CalicoException e)
            {
                reports.Expect(name);
                basis.Health.Report(name, "live report", false, $"{e.Message}; nothing of it is collected");
            }
        }

        return Task.CompletedTask;
    }

    public Task DrainAsync(CancellationToken ct) => _loops.StopAsync();

    public Task StopAsync(CancellationToken ct) => _loops.StopAsync();
}
