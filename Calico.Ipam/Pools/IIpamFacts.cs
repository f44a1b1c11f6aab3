using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>What IPAM has to know and does not write. Two sources: <see cref="StoreIpamFacts"/> reads the store each time; the host
/// answers from what it follows, so that no read is on a workload's path.</summary>
/// <remarks>Safe to call concurrently.</remarks>
public interface IIpamFacts
{
    /// <summary>All pools, in name order.</summary>
    ValueTask<ImmutableArray<IpamPool>> PoolsAsync(CancellationToken ct);

    /// <summary>Addresses that are never assigned by themselves.</summary>
    ValueTask<AddressSet> ReservationsAsync(CancellationToken ct);

    /// <summary>Labels of a node; null: there is no such node.</summary>
    ValueTask<IReadOnlyDictionary<string, string>?> NodeLabelsAsync(string node, CancellationToken ct);

    /// <summary>Labels of a namespace; null: there is no such namespace.</summary>
    ValueTask<IReadOnlyDictionary<string, string>?> NamespaceLabelsAsync(string name, CancellationToken ct);

    /// <summary>The configuration, or its defaults.</summary>
    ValueTask<IpamConfigValue> ConfigAsync(CancellationToken ct);
}
