using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Sync;
using Calico.Ipam;

namespace Calico.Host.Node;

/// <summary>What IPAM has to know, from what the host follows: no read of the store is on a workload's path. Before the first list is
/// complete the store itself is asked.</summary>
/// <param name="view">Pools, reservations, this node's labels, namespaces' profiles.</param>
/// <param name="source">The store: until the view is in sync, and for the configuration.</param>
/// <param name="nodeName">This node.</param>
/// <param name="time">Clock of the configuration's age.</param>
internal sealed class HostIpamFacts(DatastoreView view, IIpamFacts source, string nodeName, TimeProvider time) : IIpamFacts
{
    // The configuration is not among the resources that are followed; a change of it may take this long to be seen here.
    private static readonly TimeSpan ConfigLifetime = TimeSpan.FromSeconds(5);

    private readonly Lock _guard = new();
    private IpamConfigValue? _config;
    private long _configAt;

    public ValueTask<ImmutableArray<IpamPool>> PoolsAsync(CancellationToken ct) => InSync
        ? new([.. view.List(Kinds.IpPool).Select(IpamPool.From).OfType<IpamPool>()])
        : source.PoolsAsync(ct);

    public ValueTask<AddressSet> ReservationsAsync(CancellationToken ct) => InSync
        ? new(AddressSet.Read(view.List(Kinds.IpReservation)
            .SelectMany(r => r.Spec.ReservedCidrs ?? [])))
        : source.ReservationsAsync(ct);

    public ValueTask<IReadOnlyDictionary<string, string>?> NodeLabelsAsync(string node, CancellationToken ct) =>
        InSync && node == nodeName && view.Find(Kinds.Node.Key(node)) is { Value: { } found }
            ? new(found.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty)
            : source.NodeLabelsAsync(node, ct);

    public ValueTask<IReadOnlyDictionary<string, string>?> NamespaceLabelsAsync(string name, CancellationToken ct) => InSync
        ? new((Kinds.Profile.TryRead(view.Find(Kinds.Profile.Key($"kns.{name}")), out var profile) ? profile.Spec.LabelsToApply : null)?
            .Where(l => l.Key.StartsWith("pcns.", StringComparison.Ordinal))
            .ToDictionary(l => l.Key["pcns.".Length..], l => l.Value))
        : source.NamespaceLabelsAsync(name, ct);

    public async ValueTask<IpamConfigValue> ConfigAsync(CancellationToken ct)
    {
        lock (_guard)
        {
            if (_config is not null && time.GetElapsedTime(_configAt) < ConfigLifetime)
            {
                return _config;
            }
        }

        var read = await source.ConfigAsync(ct);
        lock (_guard)
        {
            (_config, _configAt) = (read, time.GetTimestamp());
        }

        return read;
    }

    private bool InSync => view.Sync.Status == SyncStatus.InSync;
}
