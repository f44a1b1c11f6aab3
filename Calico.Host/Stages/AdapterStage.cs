using System.Collections.Immutable;
using Calico.Host.Health;
using Calico.Host.Plugins;

namespace Calico.Host.Stages;

/// <summary>Adapters: their sockets are bound before anything that may take its time, so that callers wait instead of failing.</summary>
/// <remarks>Drained while the whole host still works: streams end, calls in flight end, what was cut is undone. The sockets close later, with the stop: who connects meanwhile waits in the backlog for this process's successor, or is cut.</remarks>
internal sealed class AdapterStage(PluginRoster roster, StartGate gate) : IHostStage, IStatusPart
{
    public string Name => "adapters";

    public string Doing => "adapters are being loaded";

    public string Part => Name;

    public Task StartAsync(CancellationToken ct)
    {
        roster.Load();
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
}
