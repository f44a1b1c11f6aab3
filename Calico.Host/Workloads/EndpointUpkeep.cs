using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Stages;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <summary>Keeps this node's endpoints true to what lives: collects those whose namespace died, tries failed ones again, follows the
/// uplink's MTU.</summary>
internal sealed partial class EndpointUpkeep
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>After a link went: a DEL that is under way comes first.</summary>
    private static readonly TimeSpan CollectDelay = TimeSpan.FromSeconds(1);
    private const int Shown = 5;

    private readonly WorkloadConnector _connector;
    private readonly KernelSide _kernel;
    private readonly UplinkMtu? _mtu;
    private readonly UpkeepRound _round;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LoopSignal _wake;

    /// <param name="connector">Removes what died.</param>
    /// <param name="kernel">Knows the links.</param>
    /// <param name="mtu">Null: a setting says it.</param>
    /// <param name="basis">Shows its checks.</param>
    public EndpointUpkeep(WorkloadConnector connector, KernelSide kernel, UplinkMtu? mtu, HostBasis basis)
    {
        (_connector, _kernel, _mtu, _time, _logger) = (connector, kernel, mtu, basis.Time, basis.Loggers.CreateLogger<EndpointUpkeep>());
        (_round, _wake) = (new(basis.Health, _logger), new(basis.Time));
        basis.Health.Ask("host", "failed endpoints", WhyFailed);
        basis.Health.Ask("host", "published ports", () => connector.LostPorts is { IsEmpty: false } lost ? string.Join("; ", lost.Take(Shown)) : null);
    }

    /// <summary>A link of ours is gone. At once.</summary>
    public void NoteLinkGone() => _wake.Set();

    /// <summary>Every ten seconds, and a moment after a link went; until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        while (true)
        {
            if (await _wake.WaitAsync(Interval, ct))
            {
                await Task.Delay(CollectDelay, _time, ct);
            }

            await _round.RunAsync("collection", ct,
                () => _connector.CollectDeadAsync(ct),
                () => _connector.CollectStrayLeasesAsync(ct),
                () => _kernel.TakeOrphansAsync(_connector.Book, ct));
            await _round.RunAsync("published ports", ct, () => _connector.RetakePortsAsync(ct));
            await _round.RunAsync("uplink MTU", ct, () => FollowMtuAsync(ct));
        }
    }

    private async Task FollowMtuAsync(CancellationToken ct)
    {
        if (_mtu is null)
        {
            return;
        }

        if (_mtu.HasChanged())
        {
            Log.MtuFollowed(_logger, _mtu.Current);
        }

        if (await _connector.FollowMtuAsync(_mtu.Current, ct) is { IsEmpty: false } left)
        {
            throw new CalicoException(Problem.Unavailable, $"the uplink's MTU is {_mtu.Current}; {string.Join("; ", left)}");
        }
    }

    private string? WhyFailed()
    {
        var failed = _connector.Book.All.Where(l => l.Status.State == EndpointState.Failed).Select(l => $"{l.Record.Id}: {l.Status.Reason}")
            .Order(StringComparer.Ordinal).ToList();
        return failed.Count == 0 ? null : $"{failed.Count} endpoints have failed and are tried again: {string.Join("; ", failed.Take(Shown))}";
    }

    private static partial class Log
    {
        [LoggerMessage(1050, LogLevel.Information, "the uplink's MTU is {Mtu} now: endpoints that asked for none follow")]
        public static partial void MtuFollowed(ILogger logger, int mtu);
    }
}
