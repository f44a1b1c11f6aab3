using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Sync;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>Node.</summary>
public sealed record NodeSpec
{
    public NodeBgp? Bgp { get; init; }
    [JsonPropertyName("ipv4VXLANTunnelAddr")] public string? Ipv4VxlanTunnelAddress { get; init; }
    [JsonPropertyName("vxlanTunnelMACAddr")] public string? VxlanTunnelMac { get; init; }
    [JsonPropertyName("ipv6VXLANTunnelAddr")] public string? Ipv6VxlanTunnelAddress { get; init; }
    [JsonPropertyName("vxlanTunnelMACAddrV6")] public string? VxlanTunnelMacV6 { get; init; }
    public ImmutableArray<OrchestratorReference>? OrchRefs { get; init; }
    public NodeWireguard? Wireguard { get; init; }
    public ImmutableArray<NodeAddress>? Addresses { get; init; }
    public ImmutableArray<NodeInterface>? Interfaces { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A node's addresses and number in BGP.</summary>
public sealed record NodeBgp
{
    public NumberOrString? AsNumber { get; init; }

    /// <summary>With the length of the subnet, e.g. <c>192.0.2.1/24</c>.</summary>
    public string? Ipv4Address { get; init; }

    public string? Ipv6Address { get; init; }
    [JsonPropertyName("ipv4IPIPTunnelAddr")] public string? Ipv4IpipTunnelAddress { get; init; }
    [JsonPropertyName("routeReflectorClusterID")] public string? RouteReflectorClusterId { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>What an orchestrator calls the node.</summary>
public sealed record OrchestratorReference
{
    public string? NodeName { get; init; }
    public string Orchestrator { get; set; } = "";
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A node's addresses inside WireGuard.</summary>
public sealed record NodeWireguard
{
    [JsonPropertyName("interfaceIPv4Address")] public string? InterfaceIpv4Address { get; init; }
    [JsonPropertyName("interfaceIPv6Address")] public string? InterfaceIpv6Address { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>An address of a node.</summary>
public sealed record NodeAddress
{
    public string Address { get; set; } = "";

    /// <summary>CalicoNodeIP, InternalIP or ExternalIP.</summary>
    public string? Type { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>An interface of a node and its addresses.</summary>
public sealed record NodeInterface
{
    public string? Name { get; init; }
    public ImmutableArray<string>? Addresses { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

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

    internal static ResourceKind<NodeSpec> Create() => new()
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

/// <summary>A node takes everything with it that only it had.</summary>
internal sealed class NodeClientRules : ClientRules
{
    public override Task<WriteGuard> GuardDeleteAsync(ResourceClient client, Resource old, CancellationToken ct) =>
        NodeHeartbeat.RefuseAliveAsync(client.Store, old.Metadata.Name, ct);

    public override async Task BeforeDeleteAsync(ResourceClient client, Resource old, CancellationToken ct)
    {
        var (name, node) = (old.Metadata.Name, (Resource<NodeSpec>)old);
        var endpoints = (await client.ListAsync(Kinds.WorkloadEndpoint, "", ct)).Items
            .Where(endpoint => endpoint.Spec.Node == name).ToImmutableArray();
        if (client.Addresses is { } addresses)
        {
            await addresses.ReleaseAddressesAsync(
                [.. endpoints.SelectMany(endpoint => endpoint.Spec.IpNetworks ?? []).Concat(TunnelAddresses(node.Spec)).Select(Address)],
                    ct);
        }

        foreach (var endpoint in endpoints)
        {
            await DeleteIfThereAsync(client, Kinds.WorkloadEndpoint.KeyOf(endpoint), ct);
        }

        if (client.Addresses is { } owner)
        {
            await owner.ReleaseNodeAsync(name, ct);
        }

        await DeleteAllAsync(client, Kinds.BgpPeer, spec => spec.Node == name, ct);
        await DeleteIfThereAsync(client, Kinds.FelixConfiguration.Key($"node.{name}"), ct);
        await DeleteIfThereAsync(client, Kinds.BgpConfiguration.Key($"node.{name}"), ct);
        await DeleteAllAsync(client, Kinds.HostEndpoint, spec => spec.Node == name, ct);
    }

    private static async Task DeleteAllAsync<TSpec>(ResourceClient client, ResourceKind<TSpec> kind, Func<TSpec, bool> which,
        CancellationToken ct)
        where TSpec : class, new()
    {
        foreach (var resource in (await client.ListAsync(kind, "", ct)).Items.Where(resource => which(resource.Spec)))
        {
            await DeleteIfThereAsync(client, kind.KeyOf(resource), ct);
        }
    }

    private static async Task DeleteIfThereAsync(ResourceClient client, ResourceKey key, CancellationToken ct)
    {
        try
        {
            await client.DeleteAsync(key, null, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.NotFound)
        {
            // Somebody else was quicker, or it was never there.
        }
    }

    private static IEnumerable<string> TunnelAddresses(NodeSpec node) =>
        new[]
        {
            node.Bgp?.Ipv4IpipTunnelAddress, node.Ipv4VxlanTunnelAddress, node.Ipv6VxlanTunnelAddress, node.Wireguard?.InterfaceIpv4Address,
            node.Wireguard?.InterfaceIpv6Address,
        }.OfType<string>().Where(address => address.Length > 0);

    private static string Address(string network) => network.Split('/')[0];
}
