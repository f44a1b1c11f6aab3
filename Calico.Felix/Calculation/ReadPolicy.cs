using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Selectors;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>Reads NetworkPolicy and GlobalNetworkPolicy: what they say, and where they apply.</summary>
/// <remarks>One that cannot be used denies wherever it could have applied. What of it can still be read (tier, order, selector, types)
/// keeps that place small; without a readable selector it is its whole namespace, or every endpoint.</remarks>
internal static class ReadPolicy
{
    private const string DefaultTier = "default";

    /// <summary>What a policy says that this node's endpoints need.</summary>
    internal sealed record Fields(string? Tier, double? Order, string? Selector, string? NamespaceSelector, string? ServiceAccountSelector,
        ImmutableArray<string>? Types, ImmutableArray<Rule>? Ingress, ImmutableArray<Rule>? Egress, string? Fault);

    /// <summary>A policy that can be decoded.</summary>
    public static (PolicyText Text, PolicyPlace Place) Read(ResourceKey key, string revision, Fields fields)
    {
        var (tier, fault) = (string.IsNullOrEmpty(fields.Tier) ? DefaultTier : fields.Tier, fields.Fault);
        Selector selector;
        try
        {
            selector = SelectorOf(key, fields);
        }
        catch (RuleUnusableException e)
        {
            (selector, fault) = (Scope(key), fault ?? e.Message);
        }

        var directions = DirectionsOf(fields, out var typesFault);
        fault ??= typesFault;
        var text = fault is null
            ? new PolicyText(key, tier, revision, fields.Ingress ?? [], fields.Egress ?? [])
            : PolicyText.Unusable(key, tier, revision, fault);
        return (text, new(key, tier, fields.Order, selector, directions));
    }

    /// <summary>A policy that cannot be decoded.</summary>
    public static (PolicyText Text, PolicyPlace Place) Unreadable(ResourceKey key, string error) => (
        PolicyText.Unusable(key, DefaultTier, "", error),
        new(key, DefaultTier, null, Scope(key), PolicyDirections.Both));

    /// <summary>The endpoints that the selectors mean together, as upstream joins them.</summary>
    private static Selector SelectorOf(ResourceKey key, Fields fields)
    {
        var selector = EffectiveSelector.Parse("selector", fields.Selector ?? "");
        if (!string.IsNullOrEmpty(fields.NamespaceSelector))
        {
            selector = selector.And(EffectiveSelector.OfNamespaces("namespaceSelector", fields.NamespaceSelector));
        }

        if (!string.IsNullOrEmpty(fields.ServiceAccountSelector))
        {
            selector = selector.And(EffectiveSelector.OfAccounts("serviceAccountSelector", fields.ServiceAccountSelector));
        }

        return key.Namespace.Length == 0 ? selector : selector.And(Scope(key));
    }

    private static Selector Scope(ResourceKey key) =>
        key.Namespace.Length == 0 ? Selector.All : Selector.LabelEquals(EffectiveSelector.NamespaceLabel, key.Namespace);

    /// <summary>Without types: ingress, unless there are egress rules alone.</summary>
    private static PolicyDirections DirectionsOf(Fields fields, out string? fault)
    {
        fault = null;
        if (fields.Types is not { IsDefaultOrEmpty: false } types)
        {
            var (hasIngress, hasEgress) = (fields.Ingress is { IsDefaultOrEmpty: false }, fields.Egress is { IsDefaultOrEmpty: false });
            return (hasIngress || !hasEgress ? PolicyDirections.Ingress : PolicyDirections.None) | (hasEgress ? PolicyDirections.Egress : PolicyDirections.None);
        }

        var directions = PolicyDirections.None;
        foreach (var type in types)
        {
            switch (type.ToLowerInvariant())
            {
                case "ingress":
                    directions |= PolicyDirections.Ingress;
                    break;
                case "egress":
                    directions |= PolicyDirections.Egress;
                    break;
                default:
                    fault = $"types: unknown value \"{type}\"";
                    return PolicyDirections.Both;
            }
        }

        return directions;
    }
}
