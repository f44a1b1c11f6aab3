using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

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
}

/// <summary>A node's addresses inside WireGuard.</summary>
public sealed record NodeWireguard
{
    [JsonPropertyName("interfaceIPv4Address")] public string? InterfaceIpv4Address { get; init; }
    [JsonPropertyName("interfaceIPv6Address")] public string? InterfaceIpv6Address { get; init; }
}

/// <summary>An address of a node.</summary>
public sealed record NodeAddress
{
    public string Address { get; set; } = "";

    /// <summary>CalicoNodeIP, InternalIP or ExternalIP.</summary>
    public string? Type { get; init; }
}

/// <summary>An interface of a node and its addresses.</summary>
public sealed record NodeInterface
{
    public string? Name { get; init; }
    public ImmutableArray<string>? Addresses { get; init; }
}
