using System.Text.Json;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>BGPConfiguration: what BGP does on every node, or on one.</summary>
internal static class BgpConfigurationKind
{
    /// <summary>A key in a Kubernetes secret.</summary>
    internal static ObjectShape Secret { get; } = new(Nested("secretKeyRef", Text("name"), Required(Text("key")), Flag("optional")));

    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
    {
        Name = "BGPConfiguration",
        Plural = "bgpconfigurations",
        Aliases = ["bgpconfig", "bgpconfigs"],
        Spec = new(
            WithDefault(ChoiceAnyCase("logSeverityScreen", "Trace", "Debug", "Info", "Warning", "Error", "Fatal"), "\"Info\""),
            Flag("nodeToNodeMeshEnabled"),
            AsNumber("asNumber"),
            Number("listenPort", 1, 65535),
            Choice("bindMode", "None", "NodeIP"),
            Cidrs("serviceClusterIPs"),
            Cidrs("serviceExternalIPs"),
            Cidrs("serviceLoadBalancerIPs"),
            WithDefault(Choice("serviceLoadBalancerAggregation", "Enabled", "Disabled"), "\"Enabled\""),
            List("communities", new ObjectShape(Required(Text("name", maxLength: 253)), Required(Text("value", TextFormats.Community, 40))), 500),
            List("prefixAdvertisements", new ObjectShape(
                Required(Text("cidr", NetFormats.Net)), Required(Texts("communities", maxItems: 50))), 500),
            Nested("nodeMeshPassword", Secret),
            Duration("nodeMeshMaxRestartTime"),
            Texts("ignoredInterfaces", NameFormats.IgnoredInterface),
            Text("localWorkloadPeeringIPV4", NetFormats.AddressV4),
            Text("localWorkloadPeeringIPV6", NetFormats.AddressV6),
            Number("ipv4NormalRoutePriority", 1, 2_147_483_646),
            Number("ipv6NormalRoutePriority", 1, 2_147_483_646),
            Choice("programClusterRoutes", "Disabled", "Enabled", "EnabledIPIPOnly", "EnabledNoEncapOnly"))
        {
            Rules = [Communities, UnusedCommunities],
            SchemaRules = [MeshSettings],
        },
        Columns =
        [
            TableColumn.Name, OrDash("LOGSEVERITY", "logSeverityScreen"), OrDash("MESHENABLED", "nodeToNodeMeshEnabled"),
            OrDash("ASNUMBER", "asNumber"),
        ],
    };

    private static Field Cidrs(string name) => List(name, new ObjectShape(Text("cidr", NetFormats.Net)));

    private static TableColumn OrDash(string heading, string field) => new(heading, it => it.Object("spec")[field] switch
    {
        { ValueKind: JsonValueKind.True } => "true",
        { ValueKind: JsonValueKind.False } => "false",
        var value => Shape.IsAbsent(value) ? "-" : value.ToString(),
    });

    private static void Communities(JsonObjectView it, ShapeReport report)
    {
        var named = it.Objects("communities").Select(community => community.Text("name")).ToHashSet(StringComparer.Ordinal);
        foreach (var advertisement in it.Objects("prefixAdvertisements"))
        {
            if (!advertisement.Has("communities"))
            {
                report.Add(advertisement.At("communities"), "is required");
            }

            foreach (var community in advertisement.Texts("communities"))
            {
                if (!named.Contains(community) && TextFormats.Community(community) is { } wrong)
                {
                    report.Add(advertisement.At("communities"),
                        community.Contains(':', StringComparison.Ordinal) ? wrong : "community used is invalid or not defined.");
                }
            }
        }
    }

    private static void UnusedCommunities(JsonObjectView it, ShapeReport report)
    {
        if (it.Has("communities") && !it.Has("prefixAdvertisements"))
        {
            report.Add(it.At("communities"), "communities are defined but not used in prefixAdvertisements");
        }
    }

    private static void MeshSettings(JsonObjectView it, ShapeReport report)
    {
        foreach (var name in new[] { "nodeMeshPassword", "nodeMeshMaxRestartTime" })
        {
            if (it.IsFalse("nodeToNodeMeshEnabled") && it.IsSet(name))
            {
                report.Add(it.At(name), $"{name} cannot be set when nodeToNodeMeshEnabled is false");
            }
        }
    }
}
