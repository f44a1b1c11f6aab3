using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Plugins.Docker.Protocol;

/// <summary><c>docker network create</c>, for each subnet, and once for a family without one.</summary>
internal sealed record PoolRequest
{
    public string? AddressSpace { get; init; }

    /// <summary><c>--subnet</c>, or empty.</summary>
    public string? Pool { get; init; }

    /// <summary><c>--ip-range</c>, or empty.</summary>
    public string? SubPool { get; init; }

    /// <summary><c>--ipam-opt</c>.</summary>
    public ImmutableSortedDictionary<string, JsonElement>? Options { get; init; }

    public bool V6 { get; init; }
}

/// <param name="PoolId">dockerd keeps it for ever, and it comes back with each request.</param>
/// <param name="Pool">As asked for, or everything.</param>
/// <param name="Facts">Beside the pool: a gateway, so that dockerd asks for none.</param>
internal sealed record PoolAnswer(
    [property: JsonPropertyName("PoolID")] string PoolId,
    string Pool,
    [property: JsonPropertyName("Data")] ImmutableSortedDictionary<string, string> Facts);

/// <summary>Comes before the network is deleted.</summary>
internal sealed record PoolRelease
{
    [JsonPropertyName("PoolID")]
    public string? PoolId { get; init; }
}

/// <summary>For a gateway, an auxiliary address or an endpoint; the last two look alike.</summary>
internal sealed record AddressRequest
{
    [JsonPropertyName("PoolID")]
    public string? PoolId { get; init; }

    /// <summary>Empty: any.</summary>
    public string? Address { get; init; }

    public ImmutableSortedDictionary<string, JsonElement>? Options { get; init; }
}

/// <param name="Address">With its length.</param>
/// <param name="Facts">Nothing.</param>
internal sealed record AddressAnswer(string Address, [property: JsonPropertyName("Data")] ImmutableSortedDictionary<string, string> Facts);

/// <summary>Also comes for addresses that were never asked for (the gateway of the pool's own facts).</summary>
internal sealed record AddressRelease
{
    [JsonPropertyName("PoolID")]
    public string? PoolId { get; init; }

    public string? Address { get; init; }
}
