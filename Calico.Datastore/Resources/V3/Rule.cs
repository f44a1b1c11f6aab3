using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources.V3;

/// <summary>A rule of a policy or profile. An unknown field makes the whole policy deny: see <see cref="Unknown"/>.</summary>
public sealed record Rule
{
    public string Action { get; set; } = "";
    public int? IpVersion { get; init; }
    public NumberOrString? Protocol { get; init; }
    public NumberOrString? NotProtocol { get; init; }
    public IcmpMatch? Icmp { get; init; }
    [JsonPropertyName("notICMP")] public IcmpMatch? NotIcmp { get; init; }
    public HttpMatch? Http { get; init; }
    public RuleMetadata? Metadata { get; init; }
    public EntityRule? Source { get; init; }
    public EntityRule? Destination { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>One side of a rule.</summary>
public sealed record EntityRule
{
    public ImmutableArray<string>? Nets { get; init; }
    public ImmutableArray<string>? NotNets { get; init; }
    public string? Selector { get; init; }
    public string? NotSelector { get; init; }
    public string? NamespaceSelector { get; init; }
    public ImmutableArray<NumberOrString>? Ports { get; init; }
    public ImmutableArray<NumberOrString>? NotPorts { get; init; }
    public ServiceAccountMatch? ServiceAccounts { get; init; }
    public ServiceMatch? Services { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

public sealed record IcmpMatch
{
    public int? Type { get; init; }
    public int? Code { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

public sealed record HttpMatch
{
    public ImmutableArray<string>? Methods { get; init; }
    public ImmutableArray<HttpPath>? Paths { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

public sealed record HttpPath
{
    public string? Exact { get; init; }
    public string? Prefix { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

public sealed record RuleMetadata
{
    public ImmutableSortedDictionary<string, string>? Annotations { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

public sealed record ServiceAccountMatch
{
    public ImmutableArray<string>? Names { get; init; }
    public string? Selector { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

public sealed record ServiceMatch
{
    public string? Name { get; init; }
    public string? Namespace { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}
