using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>An endpoint to be. The container, its name and its labels never come here.</summary>
internal sealed record EndpointRequest
{
    [JsonPropertyName("NetworkID")]
    public string? NetworkId { get; init; }

    [JsonPropertyName("EndpointID")]
    public string? EndpointId { get; init; }

    public EndpointInterface? Interface { get; init; }

    public ImmutableSortedDictionary<string, JsonElement>? Options { get; init; }
}

/// <summary>Addresses with their lengths; what is empty was not asked for, or is left to the driver.</summary>
internal sealed record EndpointInterface
{
    public string? Address { get; init; }

    [JsonPropertyName("AddressIPv6")]
    public string? AddressIpv6 { get; init; }

    public string? MacAddress { get; init; }
}

/// <summary>What dockerd did not know: the MAC, unless it said one itself.</summary>
internal sealed record EndpointAnswer(EndpointInterface Interface);

/// <summary>An endpoint by its id.</summary>
internal sealed record EndpointName
{
    [JsonPropertyName("NetworkID")]
    public string? NetworkId { get; init; }

    [JsonPropertyName("EndpointID")]
    public string? EndpointId { get; init; }
}

/// <summary>An endpoint's traffic from outside comes by this network: its published ports are to work.</summary>
internal sealed record PortsRequest
{
    [JsonPropertyName("NetworkID")]
    public string? NetworkId { get; init; }

    [JsonPropertyName("EndpointID")]
    public string? EndpointId { get; init; }

    public ImmutableSortedDictionary<string, JsonElement>? Options { get; init; }
}

/// <summary>One <c>-p</c>. The container's address is not among what is said of it.</summary>
internal sealed record PortBinding
{
    /// <summary>IPPROTO_*.</summary>
    public int Proto { get; init; }

    public int Port { get; init; }

    /// <summary>Empty: all.</summary>
    [JsonPropertyName("HostIP")]
    public string? HostIp { get; init; }

    /// <summary>0: the driver chooses.</summary>
    public int HostPort { get; init; }

    public int HostPortEnd { get; init; }
}

/// <summary>Text for people; dockerd reads nothing of it.</summary>
internal sealed record EndpointFacts(ImmutableSortedDictionary<string, string> Value);

/// <summary>The endpoint's namespace is known by now: by name, it may not exist yet.</summary>
internal sealed record JoinRequest
{
    [JsonPropertyName("NetworkID")]
    public string? NetworkId { get; init; }

    [JsonPropertyName("EndpointID")]
    public string? EndpointId { get; init; }

    public string? SandboxKey { get; init; }
}

/// <summary>What dockerd does with the link that was handed over.</summary>
/// <param name="InterfaceName">Which link, and what it is to be called.</param>
/// <param name="Gateway">Null: no default route through this network.</param>
/// <param name="GatewayIpv6">Likewise.</param>
/// <param name="StaticRoutes">In this order.</param>
internal sealed record JoinAnswer(
    LinkName InterfaceName,
    string? Gateway,
    [property: JsonPropertyName("GatewayIPv6")] string? GatewayIpv6,
    ImmutableArray<StaticRoute> StaticRoutes);

/// <param name="SrcName">As it stands in the host's namespace.</param>
/// <param name="DstPrefix">In the container, before its number.</param>
internal sealed record LinkName(string SrcName, string DstPrefix);

/// <param name="Destination">With its length.</param>
/// <param name="RouteType">0: through <paramref name="NextHop"/>; 1: on the link.</param>
/// <param name="NextHop">Empty: on the link.</param>
internal sealed record StaticRoute(string Destination, int RouteType, string NextHop)
{
    public static StaticRoute OnLink(string destination) => new(destination, 1, "");

    public static StaticRoute Through(string destination, string nextHop) => new(destination, 0, nextHop);
}
