using System.Collections.Immutable;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Resources;

/// <summary>The kinds, each a typed handle: <c>Kinds.Node.Key("n1")</c>, <c>Kinds.Profile.TryRead(update, out var profile)</c>.</summary>
/// <remarks>A new kind is a file in V3 (spec, shape, rules, columns) and a line here.</remarks>
public static class Kinds
{
    // Above the handles: they enter themselves, in this order.
    private static readonly ImmutableArray<ResourceKind>.Builder Entered = ImmutableArray.CreateBuilder<ResourceKind>();

    public static ResourceKind<BgpConfigurationSpec> BgpConfiguration { get; } = Enter(BgpConfigurationKind.Create());
    public static ResourceKind<BgpFilterSpec> BgpFilter { get; } = Enter(BgpFilterKind.Create());
    public static ResourceKind<BgpPeerSpec> BgpPeer { get; } = Enter(BgpPeerKind.Create());
    public static ResourceKind<CalicoNodeStatusSpec> CalicoNodeStatus { get; } = Enter(CalicoNodeStatusKind.Create());
    public static ResourceKind<ClusterInformationSpec> ClusterInformation { get; } = Enter(ClusterInformationKind.Create());
    public static ResourceKind<FelixConfigurationSpec> FelixConfiguration { get; } = Enter(FelixConfigurationKind.Create());
    public static ResourceKind<GlobalNetworkPolicySpec> GlobalNetworkPolicy { get; } = Enter(GlobalNetworkPolicyKind.Create());
    public static ResourceKind<GlobalNetworkSetSpec> GlobalNetworkSet { get; } = Enter(GlobalNetworkSetKind.Create());
    public static ResourceKind<HostEndpointSpec> HostEndpoint { get; } = Enter(HostEndpointKind.Create());
    public static ResourceKind<IpamConfigurationSpec> IpamConfiguration { get; } = Enter(IpamConfigurationKind.Create());
    public static ResourceKind<IpPoolSpec> IpPool { get; } = Enter(IpPoolKind.Create());
    public static ResourceKind<IpReservationSpec> IpReservation { get; } = Enter(IpReservationKind.Create());
    public static ResourceKind<KubeControllersConfigurationSpec> KubeControllersConfiguration { get; } =
        Enter(KubeControllersConfigurationKind.Create());
    public static ResourceKind<NetworkPolicySpec> NetworkPolicy { get; } = Enter(NetworkPolicyKind.Create());
    public static ResourceKind<NetworkSetSpec> NetworkSet { get; } = Enter(NetworkSetKind.Create());
    public static ResourceKind<NodeSpec> Node { get; } = Enter(NodeKind.Create());
    public static ResourceKind<ProfileSpec> Profile { get; } = Enter(ProfileKind.Create());
    public static ResourceKind<StagedGlobalNetworkPolicySpec> StagedGlobalNetworkPolicy { get; } =
        Enter(StagedGlobalNetworkPolicyKind.Create());
    public static ResourceKind<StagedKubernetesNetworkPolicySpec> StagedKubernetesNetworkPolicy { get; } =
        Enter(StagedKubernetesNetworkPolicyKind.Create());
    public static ResourceKind<StagedNetworkPolicySpec> StagedNetworkPolicy { get; } = Enter(StagedNetworkPolicyKind.Create());
    public static ResourceKind<TierSpec> Tier { get; } = Enter(TierKind.Create());
    public static ResourceKind<WorkloadEndpointSpec> WorkloadEndpoint { get; } = Enter(WorkloadEndpointKind.Create());

    /// <summary>An IPAM block, named by its CIDR.</summary>
    public static IpamKind<IpamBlockSpec> IpamBlock { get; } = new("IPAMBlock");

    /// <summary>That somebody holds a block, named as <see cref="IpamKeys.AffinityName"/> says.</summary>
    public static IpamKind<IpamAffinityValue> BlockAffinity { get; } = new("BlockAffinity");

    /// <summary>Whose addresses are where, named by the handle's id.</summary>
    public static IpamKind<IpamHandleValue> IpamHandle { get; } = new("IPAMHandle");

    /// <summary>What IPAM obeys.</summary>
    public static IpamKind<IpamConfigValue> IpamConfig { get; } = new("IPAMConfig");

    /// <summary>The kinds of policies that stand in a tier; each one's spec is an <see cref="IPolicySpec"/>.</summary>
    public static ImmutableArray<ResourceKind> InTiers { get; } = [NetworkPolicy, GlobalNetworkPolicy, StagedNetworkPolicy,
        StagedGlobalNetworkPolicy];

    /// <summary>All that users can write, in alphabetical order.</summary>
    internal static ImmutableArray<ResourceKind> Table { get; } = Entered.ToImmutable();

    private static ResourceKind<TSpec> Enter<TSpec>(ResourceKind<TSpec> kind) where TSpec : class, new()
    {
        Entered.Add(kind);
        return kind;
    }
}
