using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Stages;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.Ipam;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Node;

/// <summary>Brings the store to what this node knows: what it missed, and what it has lost.</summary>
/// <remarks>The order matters: without a Node no block is this node's; addresses are settled before endpoints that have them are published,
/// so that one that another got meanwhile is never shown as two endpoints'.</remarks>
internal sealed class StoreUpkeep : IStoreFollower
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly NodeMembership _membership;
    private readonly OwnFacts _facts;
    private readonly HostProfiles _profiles;
    private readonly NodeIpam _ipam;
    private readonly WorkloadConnector _connector;
    private readonly EndpointPublisher _publisher;
    private readonly UpkeepRound _round;
    private readonly HealthCheck _addresses;
    private readonly LoopSignal _wake;

    public StoreUpkeep(NodeMembership membership, OwnFacts facts, HostProfiles profiles, NodeIpam ipam, WorkloadConnector connector,
        EndpointPublisher publisher,
        Outbox outbox, HostBasis basis)
    {
        var health = basis.Health;
        (_membership, _facts, _profiles, _ipam, _connector, _publisher) = (membership, facts, profiles, ipam, connector, publisher);
        (_round, _wake, _addresses) = (new(health, basis.Loggers.CreateLogger<StoreUpkeep>()), new(basis.Time),
            health.Check("ipam", "addresses"));
        health.Ask("ipam", "blocks",
            () => Joined([.. ipam.DamagedBlocks.Select(d =>
                $"block {d.Key} cannot be read ({d.Value}): its addresses are kept and not given out; mend or delete the value")]));
        health.Ask("ipam", "datastore", () => ipam.WhyDown is { } why ? $"addresses are served without the datastore: {why}" : null);
        health.Ask("host", "endpoints", () => Joined(publisher.Refused));
        health.Ask("host", "outbox",
            () => Joined([.. outbox.Stuck.Select(s => $"{s.Key} is not written yet, and tried again: {s.Value}")]));
        basis.Meters.Create("Calico.Host.Outbox")
            .CreateObservableGauge("calico_outbox_entries", () => outbox.Count, null, "Writes that the datastore does not have yet.");
    }

    /// <summary>After the view has been told: a round that comes earlier would find nothing to do.</summary>
    void IStoreFollower.Accept(SyncBatch batch, SyncStatus before)
    {
        if (_facts.TakeLoss())
        {
            _membership.NoteLoss();
            _wake.Set();
        }

        if (batch.Status == SyncStatus.InSync && before != SyncStatus.InSync)
        {
            _wake.Set();
        }
    }

    /// <summary>Every ten seconds, and at once when the store comes back or has lost something; until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        while (true)
        {
            await _wake.WaitAsync(Interval, ct);
            await _round.RunAsync("store upkeep", ct, () => _profiles.ReplayAsync(ct), () => KeepAsync(ct),
                () => _profiles.CollectAsync(ct));
        }
    }

    /// <summary>Once. What fails is tried again at the next call.</summary>
    public async Task KeepAsync(CancellationToken ct)
    {
        var losses = _membership.Losses;
        var isRegistered = await _membership.KeepAsync(ct);
        await _ipam.MaintainAsync(ct);
        _addresses.Say(await _connector.RetakeAsync(ct));
        if (await _publisher.RepairAsync(ct) > 0)
        {
            await _profiles.RestoreAsync(ct);
        }

        if (isRegistered && _ipam.IsSettled && losses == _membership.Losses)
        {
            _membership.Settle();
        }
    }

    private static string? Joined(ImmutableArray<string> troubles) => troubles.IsEmpty ? null : string.Join("; ", troubles);
}
