using System.Collections.Frozen;
using System.Collections.Immutable;
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
            Kinds.ClusterInformation, Kinds.FelixConfiguration, Kinds.GlobalNetworkPolicy, Kinds.GlobalNetworkSet, Kinds.HostEndpoint,
                Kinds.IpPool,
            Kinds.IpReservation, Kinds.NetworkPolicy, Kinds.NetworkSet, Kinds.Node, Kinds.Profile, Kinds.StagedGlobalNetworkPolicy,
            Kinds.StagedKubernetesNetworkPolicy, Kinds.StagedNetworkPolicy, Kinds.Tier, Kinds.WorkloadEndpoint,
        }.Select(kind => kind.Name).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Why nothing obeys a resource that stands in the store; null: something does.</summary>
    /// <param name="key">Which one.</param>
    public static string? WhyIdle(ResourceKey key) =>
        !Names.Contains(key.Kind) && ResourceKinds.All.TryFind(key.Kind, out _) ? "this version does not act on it" : null;

    /// <summary>What of a policy or profile is not enforced as it is written, although the rest is; null: nothing.</summary>
    public static string? WhyPartly(Resource? value) => RulesOf(value).Any(rule => rule.Http is not null)
        ? "http in rules is not enforced: such a rule decides about all connections that its other fields match"
        : AsksServices(value)
        ? "services in rules match nothing: this version knows of no Services, because nothing brings it Kubernetes' EndpointSlices; "
            + "a policy that denies or passes by one denies everything in that direction"
        : null;

    private static bool AsksServices(Resource? value) =>
        RulesOf(value).Any(rule => rule.Source?.Services is not null || rule.Destination?.Services is not null);

    private static ImmutableArray<Rule> RulesOf(Resource? value) => value?.As<IPolicySpec>() is { } policy
        ? [.. policy.Ingress ?? [], .. policy.Egress ?? []]
        : Kinds.Profile.TryRead(value, out var profile) ? [.. profile.Spec.Ingress ?? [], .. profile.Spec.Egress ?? []]
        : [];

    /// <summary>What obeys instead, or the empty text.</summary>
    public static string Instead(string kind) =>
        kind == Kinds.IpamConfiguration.Name ? "calicoctl ipam configure sets what IPAM obeys" : "";
}
