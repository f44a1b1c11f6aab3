using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources.Ipam;

/// <summary>An IPAM block as it stands at <c>/calico/ipam/v2/assignment/ipvN/block/...</c>; travels through sync as a resource of kind
/// <c>IPAMBlock</c> named by its CIDR.</summary>
public sealed record IpamBlockSpec
{
    public string Cidr { get; set; } = "";

    /// <summary><c>host:&lt;node&gt;</c>, <c>virtual:...</c>, or null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public string? Affinity { get; init; }

    [JsonPropertyName("affinity_claim_time")] public DateTimeOffset? AffinityClaimTime { get; init; }

    /// <summary>One entry per address: index into <see cref="Attributes"/>, or null when free.</summary>
    public ImmutableArray<int?> Allocations { get; set; } = [];

    /// <summary>Free ordinals, first to be taken first.</summary>
    public ImmutableArray<int> Unallocated { get; set; } = [];

    public ImmutableArray<IpamAttribute> Attributes { get; set; } = [];
    public ulong SequenceNumber { get; init; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ImmutableSortedDictionary<string, ulong>? SequenceNumberForAllocation { get; init; }
    public bool Deleted { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Who has an address of a block.</summary>
public sealed record IpamAttribute
{
    [JsonPropertyName("handle_id"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? HandleId { get; init; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ImmutableSortedDictionary<string, string>? Secondary { get; init; }
    [JsonPropertyName("alternateOwnerAttrs")] public ImmutableSortedDictionary<string, string>? AlternateOwnerAttrs { get; init; }
    [JsonPropertyName("releasedAt")] public DateTimeOffset? ReleasedAt { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}
