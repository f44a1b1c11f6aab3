using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Stages;
using Calico.Host.Workloads.Profiles;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <summary>Keeps this node's endpoints true to what lives: collects those whose namespace died, tries failed ones again, follows the
/// uplink's MTU.</summary>
internal sealed partial class EndpointUpkeep : IStoreFollower
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>After a link went: a DEL that is under way comes first.</summary>
    private static readonly TimeSpan CollectDelay = TimeSpan.FromSeconds(1);
    private const int Shown = 5;

    /// <summary>For one endpoint.</summary>
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(2);

    private readonly WorkloadConnector _connector;
    private readonly KernelSide _kernel;
    private readonly UplinkMtu? _mtu;
    private readonly Func<ResourceKey, SyncUpdate?> _find;
    private readonly UpkeepRound _round;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LoopSignal _wake;

    /// <param name="connector">Removes what died.</param>
    /// <param name="kernel">Knows the links.</param>
    /// <param name="mtu">Null: a setting says it.</param>
    /// <param name="find">The profile that stands; see <see cref="HostProfiles.Find"/>.</param>
    /// <param name="basis">Shows its checks.</param>
    public EndpointUpkeep(WorkloadConnector connector, KernelSide kernel, UplinkMtu? mtu, Func<ResourceKey, SyncUpdate?> find,
        HostBasis basis)
    {
        (_find, _connector, _kernel, _mtu, _time, _logger) = (find, connector, kernel, mtu, basis.Time,
            basis.Loggers.CreateLogger<EndpointUpkeep>());
        (_round, _wake) = (new(basis.Health, _logger), new(basis.Time));
        basis.Health.Ask("host", "failed endpoints", WhyFailed);
        basis.Health.Ask("host", "published ports", () => connector.Ports.Lost is { IsEmpty: false } lost ? string.Join("; ",
            lost.Take(Shown)) : null);
    }

    /// <summary>A link of ours is gone. At once.</summary>
    public void NoteLinkGone() => _wake.Set();

    /// <summary>A profile may be a person's now.</summary>
    void IStoreFollower.Accept(SyncBatch batch, SyncStatus before)
    {
        if (batch.Updates.Any(u => u.Key.Kind == AdapterProfile.Kind.Name))
        {
            _wake.Set();
        }
    }

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
                () => _connector.StrayLeases.CollectAsync(ct),
                () => _kernel.TakeOrphansAsync(_connector.Book, ct));
            await _round.RunAsync("published ports", ct, () => _connector.Ports.RetakeAsync(ct));
            await _round.RunAsync("published ports' profiles", ct,
                () => OverruleAsync(ct));
            await _round.RunAsync("uplink MTU", ct, () => FollowMtuAsync(ct));
        }
    }

    /// <summary>Published ports open nothing any more beside a profile that a person has come to write.</summary>
    public async Task OverruleAsync(CancellationToken ct)
    {
        var failed = new List<string>();
        foreach (var record in _connector.Book.All.Select(l => l.Record).Where(r => r.Profiles.Length > 1))
        {
            if (AdapterProfile.Ruling(record.Profiles, _find) is var left && left.Length < record.Profiles.Length)
            {
                await OverruleAsync(record.Id, left, failed, ct);
            }
        }

        if (failed.Count > 0)
        {
            throw new CalicoException(Problem.Unavailable,
                $"ports are still open beside a person's profile: {string.Join("; ", failed.Take(Shown))}");
        }
    }

    /// <summary>Not longer than its turn, in which the endpoint's own calls wait; one that cannot be changed keeps no other open.</summary>
    private async Task OverruleAsync(WorkloadEndpointId id, ImmutableArray<string> left, List<string> failed, CancellationToken ct)
    {
        using var timeUp = new CancellationTokenSource(Turn, _time);
        using var turn = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        try
        {
            await _connector.UpdateAsync(id, new(Profiles: left), turn.Token);
            Log.Overruled(_logger, id, string.Join(", ", left));
        }
        catch (CalicoException e) when (e.Problem == Problem.NotFound)
        {
            // It ended meanwhile.
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is CalicoException or OperationCanceledException)
        {
            failed.Add($"{id}: {(e is CalicoException ? e.Message : $"the kernel did not take it within {Turn.TotalSeconds:0} s")}");
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
        return failed.Count == 0 ? null
            : $"{failed.Count} endpoints have failed and are tried again: {string.Join("; ", failed.Take(Shown))}";
    }

    private static partial class Log
    {
        [LoggerMessage(1183, LogLevel.Information,
            "{Endpoint}: a person has written its network's profile, which decides alone: {Profiles}")]
        public static partial void Overruled(ILogger logger, WorkloadEndpointId endpoint, string profiles);

        [LoggerMessage(1050, LogLevel.Information, "the uplink's MTU is {Mtu} now: endpoints that asked for none follow")]
        public static partial void MtuFollowed(ILogger logger, int mtu);
    }
}
