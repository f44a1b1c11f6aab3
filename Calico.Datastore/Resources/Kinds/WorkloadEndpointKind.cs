using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>WorkloadEndpoint: an interface of a workload.</summary>
internal static class WorkloadEndpointKind
{
    private const long MaxBandwidth = 1_000_000_000_000_000;
    private const long MaxPeakRate = MaxBandwidth / 100 * 101;
    private const long MaxBurst = 34_359_738_360;

    /// <summary>A port that a workload names.</summary>
    internal static ObjectShape Port { get; } = new(
        Text("name", NameFormats.PortName),
        Required(Protocol("protocol")),
        Required(Number("port", 1, 65535)),
        Number("hostPort", 0, 65535),
        Text("hostIP", NetFormats.Address))
    {
        Rules = [NamedOrMapped, ProtocolWithPorts],
    };

    /// <summary>A floating address.</summary>
    internal static ObjectShape Nat { get; } = new(
        Required(Text("internalIP", NetFormats.Address)), Required(Text("externalIP", NetFormats.Address)))
    {
        Rules = [(it, report) =>
        {
            if (AddressText.TryParse(it.Text("internalIP"), out var inner) && AddressText.TryParse(it.Text("externalIP"), out var outer)
                && inner.AddressFamily != outer.AddressFamily)
            {
                report.Add(it.Path, "mixed IP address versions");
            }
        }],
    };

    internal static ResourceKind Create() => new ResourceKind<WorkloadEndpointSpec>
    {
        Name = "WorkloadEndpoint",
        Plural = "workloadendpoints",
        Aliases = ["wep", "weps"],
        Namespaced = true,
        Spec = new(
            // These make up the name, which is checked as a whole.
            Text("orchestrator"),
            Text("workload"),
            Text("node", NameFormats.Subdomain),
            Text("containerID", NameFormats.ContainerId),
            Text("pod", NameFormats.Subdomain),
            Text("endpoint"),
            Text("serviceAccountName", NameFormats.Subdomain),
            Texts("ipNetworks", NetFormats.SingleAddressNet),
            List("ipNATs", Nat),
            Text("ipv4Gateway", NetFormats.AddressV4),
            Text("ipv6Gateway", NetFormats.AddressV6),
            Texts("profiles", NameFormats.Subdomain),
            new Field("interfaceName", new TextShape(NameFormats.Interface)) { CheckedWhenEmpty = true },
            Text("mac", TextFormats.Mac),
            List("ports", Port),
            Texts("allowSpoofedSourcePrefixes", NetFormats.Cidr),
            Nested("qosControls",
                Number("ingressBandwidth", 1_000, MaxBandwidth), Number("egressBandwidth", 1_000, MaxBandwidth),
                Number("ingressBurst", 1_000, MaxBurst), Number("egressBurst", 1_000, MaxBurst),
                Number("ingressPeakrate", 1_010, MaxPeakRate), Number("egressPeakrate", 1_010, MaxPeakRate),
                Number("ingressMinburst", 1_000, 100_000_000), Number("egressMinburst", 1_000, 100_000_000),
                Number("ingressPacketRate", 1, 10_000), Number("egressPacketRate", 1, 10_000),
                Number("ingressPacketBurst", 1, 10_000), Number("egressPacketBurst", 1, 10_000),
                Number("ingressMaxConnections", 1, uint.MaxValue), Number("egressMaxConnections", 1, uint.MaxValue),
                new Field("dscp", new NumberOrTextShape(NumberFormats.Dscp))))
        {
            Rules = [NatsInsideNetworks],
        },
        Columns =
        [
            Workload, TableColumn.Spec("NODE", "node"), TableColumn.List("NETWORKS", "ipNetworks"),
            TableColumn.Spec("INTERFACE", "interfaceName"),
        ],
        WideColumns =
        [
            TableColumn.Name, Workload, TableColumn.Spec("NODE", "node"), TableColumn.List("NETWORKS", "ipNetworks"),
            TableColumn.Spec("INTERFACE", "interfaceName"), TableColumn.List("PROFILES", "profiles"),
            new("NATS", it => string.Join(',', it.Object("spec").Objects("ipNATs").Select(nat => nat.Text("externalIP")))),
        ],
        ClientRules = new WorkloadEndpointClientRules(),
    };

    private static TableColumn Workload { get; } = new("WORKLOAD",
        it => it.Object("spec").Text("workload") is { Length: > 0 } workload ? workload : it.Object("spec").Text("pod"));

    private static void NamedOrMapped(JsonObjectView it, ShapeReport report)
    {
        if (!it.Has("name") && it.Number("hostPort") is null or 0)
        {
            report.Add(it.At("name"), "EndpointPort name must not be empty if no HostPort is specified");
        }
    }

    internal static void ProtocolWithPorts(JsonObjectView it, ShapeReport report)
    {
        if (it.IsSet("protocol") && !NumberFormats.HasPorts(it.NumberOrText("protocol")))
        {
            report.Add(it.At("protocol"), "EndpointPort protocol does not support ports.", it["protocol"]);
        }
    }

    private static void NatsInsideNetworks(JsonObjectView it, ShapeReport report)
    {
        var networks = it.Texts("ipNetworks").Where(text => Cidr.TryParse(text, out _)).Select(Cidr.Parse).ToHashSet();
        foreach (var nat in it.Objects("ipNATs"))
        {
            if (AddressText.TryParse(nat.Text("internalIP"), out var inner) && !networks.Contains(Cidr.From(inner)))
            {
                report.Add(nat.At("internalIP"), "NAT is not in the endpoint networks", nat["internalIP"]);
            }
        }
    }
}
