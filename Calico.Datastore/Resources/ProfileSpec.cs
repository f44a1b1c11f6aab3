using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>Profile: rules for endpoints that no policy decides, and labels that they inherit.</summary>
public sealed record ProfileSpec
{
    public ImmutableArray<Rule>? Ingress { get; init; }
    public ImmutableArray<Rule>? Egress { get; init; }
    public ImmutableSortedDictionary<string, string>? LabelsToApply { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}
