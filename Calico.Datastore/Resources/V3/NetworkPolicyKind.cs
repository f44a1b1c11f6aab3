using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.V3;

/// <summary>NetworkPolicy.</summary>
public sealed record NetworkPolicySpec : IPolicySpec
{
    public string? Tier { get; init; }

    /// <summary>Lowest first; null: after all others.</summary>
    public double? Order { get; init; }

    public ImmutableArray<Rule>? Ingress { get; init; }
    public ImmutableArray<Rule>? Egress { get; init; }
    public string? Selector { get; init; }

    /// <summary>Ingress, Egress; empty: as the rules suggest.</summary>
    public ImmutableArray<string>? Types { get; init; }

    public string? ServiceAccountSelector { get; init; }
    public ImmutableArray<string>? PerformanceHints { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>NetworkPolicy: rules for the endpoints of a namespace.</summary>
internal static class NetworkPolicyKind
{
    internal static ResourceKind<NetworkPolicySpec> Create() => new()
    {
        Name = "NetworkPolicy",
        Plural = "networkpolicies",
        Aliases = ["policy", "policies", "np", "pol", "pols"],
        Namespaced = true,
        NameFormat = NameFormats.NamespacedPolicy,
        Spec = PolicyShapes.Namespaced,
        Columns = PolicyColumns.Plain,
        WideColumns = PolicyColumns.Wide,
        BeforeStore = PolicyStorage.AddName,
        AfterRead = PolicyStorage.TakeName,
        ClientRules = new PolicyClientRules<NetworkPolicySpec>((spec, types) => spec with { Types = types }),
    };
}
