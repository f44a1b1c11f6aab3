using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.V3;

/// <summary>StagedGlobalNetworkPolicy.</summary>
public sealed record StagedGlobalNetworkPolicySpec : IGlobalPolicySpec, IStagedPolicySpec
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

    public bool? DoNotTrack { get; init; }
    [JsonPropertyName("preDNAT")] public bool? PreDnat { get; init; }
    public bool? ApplyOnForward { get; init; }
    public string? ServiceAccountSelector { get; init; }
    public string? NamespaceSelector { get; init; }
    public ImmutableArray<string>? PerformanceHints { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>StagedGlobalNetworkPolicy: a GlobalNetworkPolicy that is evaluated and not enforced.</summary>
internal static class StagedGlobalNetworkPolicyKind
{
    internal static ResourceKind<StagedGlobalNetworkPolicySpec> Create() => new()
    {
        Name = "StagedGlobalNetworkPolicy",
        Plural = "stagedglobalnetworkpolicies",
        Aliases = ["sgnp", "sgnps"],
        Namespaced = false,
        NameFormat = NameFormats.GlobalPolicy,
        Spec = PolicyShapes.StagedGlobal,
        Columns = PolicyColumns.Plain,
        WideColumns = PolicyColumns.Wide,
        BeforeStore = PolicyStorage.AddName,
        AfterRead = PolicyStorage.TakeName,
        ClientRules = new PolicyClientRules<StagedGlobalNetworkPolicySpec>((spec, types) => spec with { Types = types }),
    };
}
