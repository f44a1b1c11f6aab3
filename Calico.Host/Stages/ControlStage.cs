using System.Net;
using Calico.Host.Health;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>What people and probes ask: the control socket, and metrics over TCP where a setting says so.</summary>
internal sealed class ControlStage(string path, IReadOnlyList<IControlRoutes> parts, MetricsServer metrics, IPEndPoint? metricsEndpoint,
    ILoggerFactory loggers) : IHostStage
{
    private ControlApi? _control;

    public string Name => "control API";

    public string Doing => "the control socket is being bound";

    public async Task StartAsync(CancellationToken ct)
    {
        _control = await ControlApi.StartAsync(path, [.. parts, metrics], loggers, ct);
        if (metricsEndpoint is not null)
        {
            await metrics.ListenAsync(metricsEndpoint, ct);
        }
    }

    public async Task StopAsync(CancellationToken ct)
    {
        await metrics.DisposeAsync();
        if (_control is not null)
        {
            await _control.DisposeAsync();
        }
    }
}
