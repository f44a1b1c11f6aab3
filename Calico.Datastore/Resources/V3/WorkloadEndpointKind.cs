using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Json;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>WorkloadEndpoint.</summary>
public sealed record WorkloadEndpointSpec
{
    /// <summary>Annotation with the name that the runtime gave the container; for people, nothing decides by it.</summary>
    public const string NameAnnotation = "net.calico/name";

    public string? Orchestrator { get; init; }
    public string? Workload { get; init; }
    public string? Node { get; init; }
    [JsonPropertyName("containerID")] public string? ContainerId { get; init; }
    public string? Pod { get; init; }
    public string? Endpoint { get; init; }
    public string? ServiceAccountName { get; init; }
    public ImmutableArray<string>? IpNetworks { get; init; }
    [JsonPropertyName("ipNATs")] public ImmutableArray<IpNat>? IpNats { get; init; }
    public string? Ipv4Gateway { get; init; }
    public string? Ipv6Gateway { get; init; }
    public ImmutableArray<string>? Profiles { get; init; }
    public string? InterfaceName { get; init; }
    public string? Mac { get; init; }
    public ImmutableArray<WorkloadEndpointPort>? Ports { get; init; }
    public ImmutableArray<string>? AllowSpoofedSourcePrefixes { get; init; }
    public QosControls? QosControls { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Floating address.</summary>
public sealed record IpNat
{
    [JsonPropertyName("internalIP")] public string InternalIp { get; set; } = "";
    [JsonPropertyName("externalIP")] public string ExternalIp { get; set; } = "";
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A port of a workload.</summary>
public sealed record WorkloadEndpointPort
{
    public string Name { get; set; } = "";
    public NumberOrString? Protocol { get; init; }
    public int Port { get; init; }
    public int? HostPort { get; init; }
    [JsonPropertyName("hostIP")] public string? HostIp { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Limits of a workload's traffic, in bits and packets per second, and connections.</summary>
public sealed record QosControls
{
    public long? IngressBandwidth { get; init; }
    public long? EgressBandwidth { get; init; }
    public long? IngressBurst { get; init; }
    public long? EgressBurst { get; init; }
    public long? IngressPeakrate { get; init; }
    public long? EgressPeakrate { get; init; }
    public long? IngressMinburst { get; init; }
    public long? EgressMinburst { get; init; }
    public long? IngressPacketRate { get; init; }
    public long? EgressPacketRate { get; init; }
    public long? IngressPacketBurst { get; init; }
    public long? EgressPacketBurst { get; init; }
    public long? IngressMaxConnections { get; init; }
    public long? EgressMaxConnections { get; init; }
    public NumberOrString? Dscp { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

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

    private static ObjectShape Spec { get; } = new(
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
    };

    internal static ResourceKind<WorkloadEndpointSpec> Create() => new()
    {
        Name = "WorkloadEndpoint",
        Plural = "workloadendpoints",
        Aliases = ["wep", "weps"],
        Namespaced = true,
        Spec = Spec,
        ReadPlain = new WorkloadEndpointReader(Spec, MetadataShape.Create(NameFormats.Subdomain)).Read,
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

/// <summary>An endpoint's name and two of its labels follow from its spec and namespace; nobody may claim others.</summary>
internal sealed class WorkloadEndpointClientRules : ClientRules
{
    public override bool NameIsRequired => false;

    protected override Resource Prepare(Resource resource)
    {
        var endpoint = (Resource<WorkloadEndpointSpec>)resource;
        if (!WorkloadEndpointName.Of(endpoint.Spec).TryFormat(allowPrefix: false, out var name, out var wrongField))
        {
            throw ResourceErrors.Invalid($"Spec.{wrongField}",
                "field must be set, and must not begin or end with '-', to name the endpoint");
        }

        if (endpoint.Metadata.Name.Length > 0 && endpoint.Metadata.Name != name)
        {
            throw ResourceErrors.Invalid("Metadata.Name",
                $"the WorkloadEndpoint name does not match the primary identifiers assigned in the Spec: expected name {name}",
                endpoint.Metadata.Name);
        }

        var labels = (endpoint.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty)
            .SetItem("projectcalico.org/namespace", endpoint.Metadata.Namespace ?? "")
            .SetItem("projectcalico.org/orchestrator", endpoint.Spec.Orchestrator ?? "");
        return endpoint with { Metadata = endpoint.Metadata with { Name = name, Labels = labels } };
    }
}
