using System.Collections.Immutable;

namespace Calico.Datastore.Resources.V3;

/// <summary>What policies of every kind but Kubernetes' own say. Whoever evaluates one reads it through this, whatever its kind.</summary>
public interface IPolicySpec
{
    /// <summary>Absent: <c>default</c>.</summary>
    string? Tier { get; }

    /// <summary>Lowest first; null: after all others.</summary>
    double? Order { get; }

    ImmutableArray<Rule>? Ingress { get; }
    ImmutableArray<Rule>? Egress { get; }

    /// <summary>Of endpoints. Absent: all, of the namespace where the kind has one.</summary>
    string? Selector { get; }

    /// <summary>Ingress, Egress; empty: as the rules suggest.</summary>
    ImmutableArray<string>? Types { get; }

    string? ServiceAccountSelector { get; }
    ImmutableArray<string>? PerformanceHints { get; }
}

/// <summary>What policies of no namespace say besides.</summary>
public interface IGlobalPolicySpec : IPolicySpec
{
    bool? DoNotTrack { get; }
    bool? PreDnat { get; }
    bool? ApplyOnForward { get; }
    string? NamespaceSelector { get; }
}

/// <summary>What policies that are evaluated and not enforced say besides.</summary>
public interface IStagedPolicySpec : IPolicySpec
{
    /// <summary>Set, Delete, Learn or Ignore.</summary>
    string? StagedAction { get; }
}
