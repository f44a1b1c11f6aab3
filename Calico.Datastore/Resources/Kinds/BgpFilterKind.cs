using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

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

    internal static ResourceKind Create()
    {
        var (v4, v6) = (Rule(NetFormats.NetV4, 32), Rule(NetFormats.NetV6, 128));
        return new ResourceKind<OpenSpec>
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
