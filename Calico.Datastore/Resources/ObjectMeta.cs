using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>Metadata of a resource, as upstream stores it.</summary>
public sealed record ObjectMeta
{
    public string Name { get; set; } = "";
    public string? Namespace { get; init; }
    public string? Uid { get; init; }
    /// <summary>Decimal mod revision of the key. Never stored.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>Written as null when it is not set, as upstream does.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public DateTimeOffset? CreationTimestamp { get; init; }

    public ImmutableSortedDictionary<string, string>? Labels { get; init; }
    public ImmutableSortedDictionary<string, string>? Annotations { get; init; }

    /// <summary>Fields that others wrote and this version does not know; they survive our updates.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}
