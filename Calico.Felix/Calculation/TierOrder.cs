using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>The tiers of the store, and the order in which they are asked.</summary>
/// <remarks>By order, those without one last, then by name. A tier that policies name and that is not there is asked after all others and
/// denies at its end, as upstream's; the three that every cluster has are known without a resource.</remarks>
internal sealed class TierOrder(Action<string> changed)
{
    private static readonly Dictionary<string, Tier> BuiltIn = new(StringComparer.Ordinal)
    {
        ["default"] = new(1_000_000, TierDefault.Deny),
        ["kube-admin"] = new(1_000, TierDefault.Pass),
        ["kube-baseline"] = new(10_000_000, TierDefault.Pass),
    };

    private readonly Dictionary<string, Tier> _stored = new(StringComparer.Ordinal);

    /// <summary>A tier as its last update says; null: it is gone, or cannot be read.</summary>
    public static Tier? Read(SyncUpdate update) => !Kinds.Tier.TryRead(update, out var tier) ? null
        : new(tier.Spec.Order, tier.Spec is { DefaultAction: "Pass", Unknown: null or { Count: 0 } } ? TierDefault.Pass : TierDefault.Deny);

    /// <summary>The order in which tiers of these names are asked.</summary>
    public int Compare(string left, string right)
    {
        var (first, second) = (Find(left), Find(right));
        return (first is null).CompareTo(second is null) is not 0 and var known ? known
            : (first?.Order ?? double.PositiveInfinity).CompareTo(second?.Order ?? double.PositiveInfinity) is not 0 and var order ? order
            : string.CompareOrdinal(left, right);
    }

    public TierDefault DefaultOf(string name) => Find(name)?.Default ?? TierDefault.Deny;

    /// <summary>A tier of the store; null: it is gone, or cannot be read.</summary>
    public void Set(string name, Tier? tier)
    {
        var former = Find(name);
        if (tier is null)
        {
            _stored.Remove(name);
        }
        else
        {
            _stored[name] = tier;
        }

        if (Find(name) != former)
        {
            changed(name);
        }
    }

    private Tier? Find(string name) => _stored.GetValueOrDefault(name) ?? BuiltIn.GetValueOrDefault(name);

    /// <param name="Order">Lower is earlier; null comes last.</param>
    /// <param name="Default">What its end does.</param>
    internal sealed record Tier(double? Order, TierDefault Default);
}
