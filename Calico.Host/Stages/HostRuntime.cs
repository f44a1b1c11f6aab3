using Calico.Datastore.Settings;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Settings;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The daemon: takes its stages (<see cref="StartOrder"/>) through their life.</summary>
/// <remarks>A stop drains adapters first, on a host that still works, then goes backwards, goes on over errors, and leaves the kernel as it
/// is: forwarding and enforcing.</remarks>
internal sealed class HostRuntime(HostSettings settings, SettingsReader reader, ILoggerFactory loggers) : IAsyncDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger<HostRuntime>();
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly StartGate _gate = new();
    private readonly HostMeters _meters = new(loggers.CreateLogger<HostMeters>());
    private StageSequence? _stages;

    /// <summary>Starts everything; returns when workloads can be connected, or when the store is away and the last known state is
    /// enforced. One that fails leaves nothing of itself.</summary>
    /// <exception cref="CalicoException">What has to be mended first, in words.</exception>
    public async Task StartAsync(CancellationToken ct)
    {
        var basis = new HostBasis(new(), _meters, _time, loggers);
        var log = new NodeLogStage(settings, MachineIdentity.Read(), basis);
        _stages = new(stage => _gate.Reason = stage.Doing, _time, _logger);
        await _stages.StartAsync([log], ct);
        await _stages.StartAsync(StartOrder.After(log, settings, reader, _gate, basis), ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (_stages is { } stages)
        {
            _stages = null;
            await stages.StopAsync();
        }

        _meters.Dispose();
    }
}
