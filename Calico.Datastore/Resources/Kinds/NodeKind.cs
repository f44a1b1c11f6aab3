using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>Node: a host that runs workloads.</summary>
internal static class NodeKind
{
    // The address has the length of its subnet, so host bits are set.
    private static readonly ObjectShape Bgp = new(
        AsNumber("asNumber"),
        Text("ipv4Address", NetFormats.CidrV4),
        Text("ipv6Address", NetFormats.CidrV6),
        Text("ipv4IPIPTunnelAddr", NetFormats.AddressV4),
        Text("routeReflectorClusterID", NetFormats.AddressV4))
    {
        Rules = [(it, report) =>
        {
            if (!it.Element.EnumerateObject().Any(member => it.IsSet(member.Name)))
            {
                report.Add(it.Path, "Spec.BGP should not be empty");
            }
        }],
    };

    internal static ResourceKind Create() => new ResourceKind<NodeSpec>
    {
        Name = "Node",
        Plural = "nodes",
        Aliases = ["no", "nos"],
        Spec = new(
            Nested("bgp", Bgp),
            Text("ipv4VXLANTunnelAddr", NetFormats.AddressV4),
            Text("vxlanTunnelMACAddr", TextFormats.Mac),
            Text("ipv6VXLANTunnelAddr", NetFormats.AddressV6),
            Text("vxlanTunnelMACAddrV6", TextFormats.Mac),
            List("orchRefs", new ObjectShape(Text("nodeName"), Required(Text("orchestrator")))),
            Nested("wireguard", Text("interfaceIPv4Address", NetFormats.AddressV4), Text("interfaceIPv6Address", NetFormats.AddressV6)),
            List("addresses", new ObjectShape(
                Required(Text("address", NetFormats.Cidr)), Choice("type", "CalicoNodeIP", "InternalIP", "ExternalIP"))),
            List("interfaces", new ObjectShape(Text("name", NameFormats.Interface), Texts("addresses", NetFormats.Cidr)))),
        Status = new ObjectShape(
            Text("wireguardPublicKey", TextFormats.WireguardKey),
            Text("wireguardPublicKeyV6", TextFormats.WireguardKey),
            Texts("podCIDRs", NetFormats.Cidr)),
        WideColumns =
        [
            TableColumn.Name,
            // Without a number of its own a node has the cluster's, which is shown in brackets.
            new("ASN", it => it.Object("spec").Object("bgp").NumberOrText("asNumber")?.ToString() ?? "(64512)"),
            new("IPV4", it => it.Object("spec").Object("bgp").Text("ipv4Address")),
            new("IPV6", it => it.Object("spec").Object("bgp").Text("ipv6Address")),
        ],
        ClientRules = new NodeClientRules(),
    };
}
