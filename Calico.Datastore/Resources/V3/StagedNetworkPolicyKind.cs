using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.V3;

/// <summary>StagedNetworkPolicy.</summary>
public sealed record StagedNetworkPolicySpec : IStagedPolicySpec
{
    /// <summary>Set, Delete, Learn or Ignore.</summary>
    public string? StagedAction { get; init; }

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

/// <summary>StagedNetworkPolicy: a NetworkPolicy that is evaluated and not enforced.</summary>
internal static class StagedNetworkPolicyKind
{
    internal static ResourceKind<StagedNetworkPolicySpec> Create() => new()
    {
        Name = "StagedNetworkPolicy",
        Plural = "stagednetworkpolicies",
        Aliases = ["stagedpolicy", "stagedpolicies", "snp", "spol", "spols"],
        Namespaced = true,
        NameFormat = NameFormats.NamespacedPolicy,
        Spec = PolicyShapes.StagedNamespaced,
        Columns = PolicyColumns.Plain,
        WideColumns = PolicyColumns.Wide,
        BeforeStore = PolicyStorage.AddName,
        AfterRead = PolicyStorage.TakeName,
        ClientRules = new PolicyClientRules<StagedNetworkPolicySpec>((spec, types) => spec with { Types = types }),
    };
}
