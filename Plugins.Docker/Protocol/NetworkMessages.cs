using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>A network to be. Its name and labels never come here.</summary>
internal sealed record NetworkRequest
{
    [JsonPropertyName("NetworkID")]
    public string? NetworkId { get; init; }

    public ImmutableSortedDictionary<string, JsonElement>? Options { get; init; }

    [JsonPropertyName("IPv4Data")]
    public ImmutableArray<NetworkPool>? Ipv4 { get; init; }

    [JsonPropertyName("IPv6Data")]
    public ImmutableArray<NetworkPool>? Ipv6 { get; init; }
}

/// <summary>A subnet of a network, as its IPAM driver gave it.</summary>
internal sealed record NetworkPool
{
    public string? AddressSpace { get; init; }

    public string? Pool { get; init; }

    public string? Gateway { get; init; }

    public ImmutableSortedDictionary<string, string>? AuxAddresses { get; init; }
}

/// <summary>A network by its id.</summary>
internal sealed record NetworkName
{
    [JsonPropertyName("NetworkID")]
    public string? NetworkId { get; init; }
}
