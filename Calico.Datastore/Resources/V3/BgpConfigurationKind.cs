using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>BGPConfiguration.</summary>
public sealed record BgpConfigurationSpec
{
    public string? LogSeverityScreen { get; init; }
    public bool? NodeToNodeMeshEnabled { get; init; }
    public NumberOrString? AsNumber { get; init; }
    [JsonPropertyName("serviceLoadBalancerIPs")] public ImmutableArray<BgpCidr>? ServiceLoadBalancerIps { get; init; }
    [JsonPropertyName("serviceExternalIPs")] public ImmutableArray<BgpCidr>? ServiceExternalIps { get; init; }
    [JsonPropertyName("serviceClusterIPs")] public ImmutableArray<BgpCidr>? ServiceClusterIps { get; init; }
    public string? ServiceLoadBalancerAggregation { get; init; }
    public ImmutableArray<BgpCommunity>? Communities { get; init; }
    public ImmutableArray<PrefixAdvertisement>? PrefixAdvertisements { get; init; }
    public int? ListenPort { get; init; }
    public BgpPassword? NodeMeshPassword { get; init; }
    public string? NodeMeshMaxRestartTime { get; init; }
    public string? BindMode { get; init; }
    public ImmutableArray<string>? IgnoredInterfaces { get; init; }
    [JsonPropertyName("localWorkloadPeeringIPV4")] public string? LocalWorkloadPeeringIpv4 { get; init; }
    [JsonPropertyName("localWorkloadPeeringIPV6")] public string? LocalWorkloadPeeringIpv6 { get; init; }
    public int? Ipv4NormalRoutePriority { get; init; }
    public int? Ipv6NormalRoutePriority { get; init; }
    public string? ProgramClusterRoutes { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A range of services' addresses.</summary>
public sealed record BgpCidr
{
    public string? Cidr { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A community that has a name.</summary>
public sealed record BgpCommunity
{
    public string? Name { get; init; }
    public string? Value { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Communities that a prefix is announced with.</summary>
public sealed record PrefixAdvertisement
{
    public string? Cidr { get; init; }
    public ImmutableArray<string>? Communities { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Where a password is.</summary>
public sealed record BgpPassword
{
    public SecretKey? SecretKeyRef { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A key in a Kubernetes secret.</summary>
public sealed record SecretKey
{
    public string? Name { get; init; }
    public string? Key { get; init; }
    public bool? Optional { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>BGPConfiguration: what BGP does on every node, or on one.</summary>
internal static class BgpConfigurationKind
{
    /// <summary>A key in a Kubernetes secret.</summary>
    internal static ObjectShape Secret { get; } = new(Nested("secretKeyRef", Text("name"), Required(Text("key")), Flag("optional")));

    internal static ResourceKind<BgpConfigurationSpec> Create() => new()
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
            List("communities", new ObjectShape(Required(Text("name", maxLength: 253)), Required(Text("value", TextFormats.Community, 40))),
                500),
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
