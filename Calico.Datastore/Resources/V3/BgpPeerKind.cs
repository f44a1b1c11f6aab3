using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>BGPPeer.</summary>
public sealed record BgpPeerSpec
{
    public string? Node { get; init; }
    public string? NodeSelector { get; init; }
    [JsonPropertyName("peerIP")] public string? PeerIp { get; init; }
    public NumberOrString? AsNumber { get; init; }
    [JsonPropertyName("localASNumber")] public NumberOrString? LocalAsNumber { get; init; }
    public string? PeerSelector { get; init; }
    public bool? KeepOriginalNextHop { get; init; }
    public string? NextHopMode { get; init; }
    public BgpPassword? Password { get; init; }
    public string? SourceAddress { get; init; }
    public string? MaxRestartTime { get; init; }
    public string? KeepaliveTime { get; init; }
    [JsonPropertyName("numAllowedLocalASNumbers")] public int? NumAllowedLocalAsNumbers { get; init; }
    public int? TtlSecurity { get; init; }
    public string? ReachableBy { get; init; }
    public ImmutableArray<string>? Filters { get; init; }
    public string? LocalWorkloadSelector { get; init; }
    public string? ReversePeering { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>BGPPeer: a session, or many that selectors pick.</summary>
internal static class BgpPeerKind
{
    internal static ResourceKind<BgpPeerSpec> Create() => new()
    {
        Name = "BGPPeer",
        Plural = "bgppeers",
        Aliases = ["bgpp", "bgpps", "bp", "bps"],
        Spec = new(
            Text("node", NameFormats.Subdomain, 253),
            Text("peerIP", NetFormats.AddressAndPort),
            AsNumber("asNumber"),
            AsNumber("localASNumber"),
            Selector("nodeSelector"),
            Selector("peerSelector"),
            Selector("localWorkloadSelector"),
            Flag("keepOriginalNextHop"),
            Choice("nextHopMode", "Auto", "Self", "Keep"),
            Nested("password", BgpConfigurationKind.Secret),
            Choice("sourceAddress", "UseNodeIP", "None"),
            Duration("maxRestartTime"),
            Duration("keepaliveTime"),
            Number("numAllowedLocalASNumbers", 0),
            Number("ttlSecurity", 0, 255),
            Text("reachableBy", NetFormats.Address),
            Texts("filters", NameFormats.Subdomain),
            Choice("reversePeering", "Auto", "Manual"))
        {
            Rules = [ReachableOverSameFamily],
            SchemaRules = [Exclusions, LocalWorkloads],
        },
        Columns =
        [
            TableColumn.Name, TableColumn.Spec("PEERIP", "peerIP"), new("NODE", Where), TableColumn.Spec("ASN", "asNumber"),
        ],
    };

    private static string Where(JsonObjectView it) => it.Object("spec") switch
    {
        var spec when spec.Has("node") => spec.Text("node"),
        var spec when spec.Has("nodeSelector") => spec.Text("nodeSelector"),
        _ => "(global)",
    };

    private static void ReachableOverSameFamily(JsonObjectView it, ShapeReport report)
    {
        if (AddressText.TryParse(it.Text("reachableBy"), out var via)
            && NetFormats.TryParseAddressAndPort(it.Text("peerIP"), out var peer) && peer!.AddressFamily != via.AddressFamily)
        {
            report.Add(it.At("reachableBy"), "must be of the same IP version as peerIP", it["reachableBy"]);
        }
    }

    private static void Exclusions(JsonObjectView it, ShapeReport report)
    {
        Exclude(it, report, "node", "nodeSelector");
        Exclude(it, report, "peerIP", "peerSelector");
        Exclude(it, report, "asNumber", "peerSelector");
        Exclude(it, report, "peerIP", "localWorkloadSelector");
        Exclude(it, report, "peerSelector", "localWorkloadSelector");
        if (it.IsTrue("keepOriginalNextHop") && it.Has("nextHopMode"))
        {
            report.Add(it.At("keepOriginalNextHop"), "keepOriginalNextHop and nextHopMode cannot both be set");
        }

        if (it.Has("reachableBy") && !it.Has("peerIP"))
        {
            report.Add(it.At("reachableBy"), "reachableBy must be empty when peerIP is empty");
        }
    }

    private static void LocalWorkloads(JsonObjectView it, ShapeReport report)
    {
        if (it.Has("localWorkloadSelector") && !it.Has("asNumber"))
        {
            report.Add(it.At("asNumber"), "asNumber is required when localWorkloadSelector is set");
        }
    }

    private static void Exclude(JsonObjectView it, ShapeReport report, string one, string other)
    {
        if (it.Has(one) && it.Has(other))
        {
            report.Add(it.At(one), $"{one} and {other} cannot both be set");
        }
    }
}
