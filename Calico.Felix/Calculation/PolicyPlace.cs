using Calico.Datastore.Selectors;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>Which endpoints a policy applies to, and when it is asked.</summary>
/// <param name="Key">The policy.</param>
/// <param name="Tier">Whose order it stands in.</param>
/// <param name="Order">Lower is earlier; null comes last.</param>
/// <param name="Selector">Over endpoints.</param>
/// <param name="Directions">In which it applies.</param>
internal sealed record PolicyPlace(ResourceKey Key, string Tier, double? Order, Selector Selector, PolicyDirections Directions)
{
    /// <summary>Nothing that it says is enforced: alone in a tier it is as if the tier were not there.</summary>
    public bool IsStaged { get; init; }

    /// <summary>Never <see cref="PolicyStage.Forward"/>.</summary>
    public PolicyStage Stage { get; init; }

    /// <summary>Also judges what is forwarded through host endpoints.</summary>
    public bool AppliesOnForward { get; init; }

    /// <summary>The order within a tier. Policies of one order stand by name, namespace and kind, as upstream.</summary>
    public static readonly Comparer<PolicyPlace> ByOrder = Comparer<PolicyPlace>.Create((a, b) =>
        (a.Order ?? double.PositiveInfinity).CompareTo(b.Order ?? double.PositiveInfinity) is not 0 and var order
            ? order
            : string.CompareOrdinal(Text(a.Key), Text(b.Key)));

    private static string Text(ResourceKey key) => $"{key.Name}/{key.Namespace}/{key.Kind}";

    public bool AppliesTo(PolicyDirection direction, PolicyStage stage) =>
        Directions.HasFlag(direction == PolicyDirection.Ingress ? PolicyDirections.Ingress : PolicyDirections.Egress)
        && (stage == PolicyStage.Forward ? Stage == PolicyStage.Normal && AppliesOnForward : Stage == stage);
}
