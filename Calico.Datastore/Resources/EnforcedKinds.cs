using System.Collections.Frozen;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources;

/// <summary>The kinds that something on a node obeys: Felix's graph, the host, IPAM. All others are stored, checked and listed, and
/// change nothing; whoever writes one is told.</summary>
/// <remarks>The only list there is. A unit test holds it against what the graph and the host take, so that a kind that is taken up is
/// said to be.</remarks>
public static class EnforcedKinds
{
    /// <summary>Names of kinds.</summary>
    public static FrozenSet<string> Names { get; } =
        new ResourceKind[]
        {
            Kinds.ClusterInformation, Kinds.FelixConfiguration, Kinds.IpPool, Kinds.IpReservation, Kinds.Node, Kinds.Profile, Kinds.WorkloadEndpoint,
        }.Select(kind => kind.Name).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Whether the resource stands in the store and nothing obeys it. The tiers that every cluster has are nobody's wish.</summary>
    public static bool IsIdle(ResourceKey key) => !Names.Contains(key.Kind) && ResourceKinds.All.TryFind(key.Kind, out _)
        && !(Kinds.Tier.Owns(key) && TierKind.BuiltIn.Any(tier => tier.Name == key.Name));

    /// <summary>What obeys instead, or the empty text.</summary>
    public static string Instead(string kind) => kind == Kinds.IpamConfiguration.Name ? "calicoctl ipam configure sets what IPAM obeys" : "";
}
