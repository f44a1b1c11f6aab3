using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;

namespace Calico.VectorTests.Validation;

/// <summary>Where upstream's Go types for parts of resources are found among the shapes.</summary>
internal static class SubObjects
{
    /// <summary>The shape of a type such as <c>v3.BGPFilterRuleV4</c>; null: it is not built.</summary>
    internal static Shape? Find(string type) => type[(type.IndexOf('.', StringComparison.Ordinal) + 1)..] switch
    {
        "Rule" => RuleShapes.Rule,
        "EntityRule" => RuleShapes.Entity,
        "HTTPMatch" => RuleShapes.Rule["http"],
        "HTTPPath" => At((ObjectShape)RuleShapes.Rule["http"], "paths[]"),
        "ICMPFields" => RuleShapes.Rule["icmp"],
        "RuleMetadata" => RuleShapes.Rule["metadata"],
        "ServiceMatch" => RuleShapes.Entity["services"],
        "ServiceAccountMatch" => RuleShapes.Entity["serviceAccounts"],
        "Protocol" => new NumberOrTextShape(NumberFormats.Protocol),
        "Port" => new NumberOrTextShape(NumberFormats.Port),
        "ASNumber" => new NumberOrTextShape(NumberFormats.AsNumber),
        "DSCP" => new NumberOrTextShape(NumberFormats.Dscp),
        "ObjectMeta" => null,
        "WorkloadEndpointPort" => In("WorkloadEndpoint", "ports[]"),
        "IPNAT" => In("WorkloadEndpoint", "ipNATs[]"),
        "QoSControls" => In("WorkloadEndpoint", "qosControls"),
        "EndpointPort" => In("HostEndpoint", "ports[]"),
        "NodeBGPSpec" => In("Node", "bgp"),
        "NodeAddress" => In("Node", "addresses[]"),
        "NodeWireguardSpec" => In("Node", "wireguard"),
        "OrchRef" => In("Node", "orchRefs[]"),
        "ProtoPort" => In("FelixConfiguration", "failsafeInboundHostPorts[]"),
        "HealthTimeoutOverride" => In("FelixConfiguration", "healthTimeoutOverrides[]"),
        "RouteTableRange" => In("FelixConfiguration", "routeTableRange"),
        "RouteTableIDRange" => In("FelixConfiguration", "routeTableRanges[]"),
        "BGPFilterRuleV4" => In("BGPFilter", "exportV4[]"),
        "BGPFilterRuleV6" => In("BGPFilter", "exportV6[]"),
        "BGPFilterOperation" => In("BGPFilter", "exportV4[].operations[]"),
        "BGPFilterPrefixLengthV4" => In("BGPFilter", "exportV4[].prefixLength"),
        "BGPFilterPrefixLengthV6" => In("BGPFilter", "exportV6[].prefixLength"),
        "Community" => In("BGPConfiguration", "communities[]"),
        "PrefixAdvertisement" => In("BGPConfiguration", "prefixAdvertisements[]"),
        "ServiceClusterIPBlock" => In("BGPConfiguration", "serviceClusterIPs[]"),
        "ServiceExternalIPBlock" => In("BGPConfiguration", "serviceExternalIPs[]"),
        "ServiceLoadBalancerIPBlock" => In("BGPConfiguration", "serviceLoadBalancerIPs[]"),
        "BGPPassword" => In("BGPPeer", "password"),
        "ControllersConfig" => In("KubeControllersConfiguration", "controllers"),
        "NodeControllerConfig" => In("KubeControllersConfiguration", "controllers.node"),
        "PolicyControllerConfig" => In("KubeControllersConfiguration", "controllers.policy"),
        "WorkloadEndpointControllerConfig" => In("KubeControllersConfiguration", "controllers.workloadEndpoint"),
        "ServiceAccountControllerConfig" => In("KubeControllersConfiguration", "controllers.serviceAccount"),
        "NamespaceControllerConfig" => In("KubeControllersConfiguration", "controllers.namespace"),
        "LoadBalancerControllerConfig" => In("KubeControllersConfiguration", "controllers.loadBalancer"),
        "AutoHostEndpointConfig" => In("KubeControllersConfiguration", "controllers.node.hostEndpoint"),
        "Template" => In("KubeControllersConfiguration", "controllers.node.hostEndpoint.templates[]"),
        var name when name.EndsWith("Spec", StringComparison.Ordinal) && ResourceKinds.All.TryFind(name[..^4], out var kind) => kind.Spec,
        var name when name.EndsWith("Status", StringComparison.Ordinal) && ResourceKinds.All.TryFind(name[..^6], out var kind) =>
            kind.Status,
        _ => null,
    };

    private static Shape In(string kind, string path) => At(ResourceKinds.All.Named(kind).Spec, path);

    private static Shape At(ObjectShape shape, string path)
    {
        Shape found = shape;
        foreach (var part in path.Split('.'))
        {
            found = ((ObjectShape)found)[part.Replace("[]", "", StringComparison.Ordinal)];
            found = part.EndsWith("[]", StringComparison.Ordinal) ? ((ListShape)found).Item : found;
        }

        return found;
    }
}
