using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>BGPFilter.</summary>
public sealed record BgpFilterSpec
{
    public ImmutableArray<BgpFilterRule>? ExportV4 { get; init; }
    public ImmutableArray<BgpFilterRule>? ImportV4 { get; init; }
    public ImmutableArray<BgpFilterRule>? ExportV6 { get; init; }
    public ImmutableArray<BgpFilterRule>? ImportV6 { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Routes, and what becomes of them.</summary>
public sealed record BgpFilterRule
{
    public string? Cidr { get; init; }
    public BgpFilterLengths? PrefixLength { get; init; }
    public string? Source { get; init; }
    public string? Interface { get; init; }
    public string? MatchOperator { get; init; }
    public string? PeerType { get; init; }
    public BgpFilterCommunities? Communities { get; init; }
    public ImmutableArray<NumberOrString>? AsPathPrefix { get; init; }
    public int? Priority { get; init; }

    /// <summary>Accept or Reject.</summary>
    public string? Action { get; init; }

    public ImmutableArray<BgpFilterOperation>? Operations { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Lengths of prefixes, inclusive.</summary>
public sealed record BgpFilterLengths
{
    public int? Min { get; init; }
    public int? Max { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Communities that a route has.</summary>
public sealed record BgpFilterCommunities
{
    public ImmutableArray<string>? Values { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>One change of a route that is taken.</summary>
public sealed record BgpFilterOperation
{
    public BgpFilterCommunity? AddCommunity { get; init; }
    [JsonPropertyName("prependASPath")] public BgpFilterPath? PrependAsPath { get; init; }
    public BgpFilterPriority? SetPriority { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A community to add.</summary>
public sealed record BgpFilterCommunity
{
    public string? Value { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>AS numbers to put in front.</summary>
public sealed record BgpFilterPath
{
    public ImmutableArray<NumberOrString>? Prefix { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>The priority to set.</summary>
public sealed record BgpFilterPriority
{
    public int? Value { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>BGPFilter: which routes a peer is sent and which are taken from it.</summary>
internal static class BgpFilterKind
{
    private static readonly ObjectShape Operation = new(
        Nested("addCommunity", Required(Text("value", TextFormats.Community))),
        Nested("prependASPath", Required(List("prefix", new NumberOrTextShape(NumberFormats.AsNumber), 10, minItems: 1))),
        Nested("setPriority", Number("value", 1, int.MaxValue)))
    {
        SchemaRules = [(it, report) =>
        {
            if (it.Element.EnumerateObject().Count(member => it.IsSet(member.Name)) != 1)
            {
                report.Add(it.Path, "exactly one operation must be set");
            }
        }],
    };

    internal static ResourceKind<BgpFilterSpec> Create()
    {
        var (v4, v6) = (Rule(NetFormats.NetV4, 32), Rule(NetFormats.NetV6, 128));
        return new()
        {
            Name = "BGPFilter",
            Plural = "bgpfilters",
            Aliases = ["bgpf", "bgpfs", "bf", "bfs"],
            Spec = new(List("exportV4", v4), List("importV4", v4), List("exportV6", v6), List("importV6", v6)),
            Columns =
            [
                TableColumn.Name, Count("NUMEXPORTV4", "exportV4"), Count("NUMIMPORTV4", "importV4"), Count("NUMEXPORTV6", "exportV6"),
                Count("NUMIMPORTV6", "importV6"),
            ],
        };
    }

    private static ObjectShape Rule(Func<string, string?> net, int bits) => new(
        Text("cidr", net),
        Nested("prefixLength", Number("min", 0, bits), Number("max", 0, bits)),
        Choice("source", "RemotePeers"),
        Text("interface", NameFormats.InterfaceWildcard),
        Choice("matchOperator", "Equal", "NotEqual", "In", "NotIn"),
        Choice("peerType", "eBGP", "iBGP"),
        Nested("communities", Texts("values", TextFormats.Community, 1)),
        List("asPathPrefix", new NumberOrTextShape(NumberFormats.AsNumber)),
        Number("priority", 0),
        Required(Choice("action", "Accept", "Reject")),
        List("operations", Operation, 10))
    {
        SchemaRules = [Fits],
    };

    private static void Fits(JsonObjectView it, ShapeReport report)
    {
        if (it.Has("cidr") != it.Has("matchOperator"))
        {
            report.Add(it.Path, "cidr and matchOperator must both be set or both be empty");
        }

        if (it.IsSet("prefixLength") && !it.Has("cidr"))
        {
            report.Add(it.At("prefixLength"), "cidr is required when prefixLength is set");
        }

        if (it.Object("prefixLength") is var length && length.Number("min") > length.Number("max"))
        {
            report.Add(length.At("min"), "must not be more than max", length["min"]);
        }

        if (it.Has("operations") && it.Text("action") != "Accept")
        {
            report.Add(it.At("operations"), "operations are only valid with action Accept");
        }
    }

    private static TableColumn Count(string heading, string field) => new(heading, it => $"{it.Object("spec").Items(field).Length}");
}
