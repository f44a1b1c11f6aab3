using System.Collections.Immutable;
using Calico.Datastore.Settings;
using Calico.Host.Health;
using Calico.Host.Plugins;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>Adapters: their sockets are bound before anything that may take its time, so that callers wait instead of failing.</summary>
/// <remarks>Drained while the whole host still works: streams end, calls in flight end, what was cut is undone. The sockets close later,
/// with the stop: who connects meanwhile waits in the backlog for this process's successor, or is cut.</remarks>
internal sealed partial class AdapterStage(PluginRoster roster, SettingsReader settings, StartGate gate, ILogger<AdapterStage> logger)
    : IHostStage, IStatusPart
{
    public string Name => "adapters";

    public string Doing => "adapters are being loaded";

    public string Part => Name;

    public Task StartAsync(CancellationToken ct)
    {
        roster.Load();
        // Adapters have read theirs by now: what nobody has asked for is nobody's.
        foreach (var line in settings.DescribeUnknown(Environment.GetEnvironmentVariables().Keys.Cast<string>()))
        {
            Log.NoSetting(logger, line);
        }

        return roster.StartAsync(ct);
    }

    public async Task DrainAsync(CancellationToken ct)
    {
        gate.Drain();
        try
        {
            await roster.DrainAsync(ct);
        }
        finally
        {
            gate.Close();
        }
    }

    public async Task StopAsync(CancellationToken ct) => await roster.DisposeAsync();

    public Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
    {
        var plugins = roster.Plugins.Select(p => new PluginReport(p.Folder.Name, p.Folder.Version)).ToImmutableArray();
        return Task.FromResult<Func<StatusReport, StatusReport>>(report => report with { Plugins = plugins });
    }

    private static partial class Log
    {
        [LoggerMessage(1091, LogLevel.Warning, "{Line}; calico-host --help lists the settings")]
        public static partial void NoSetting(ILogger logger, string line);
    }
}
