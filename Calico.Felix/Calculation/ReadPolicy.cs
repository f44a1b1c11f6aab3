using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Selectors;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>Reads NetworkPolicy, GlobalNetworkPolicy and their staged kinds: what they say, and where they apply.</summary>
/// <remarks>One that cannot be used denies wherever it could have applied. What of it can still be read (tier, order, selector, types)
/// keeps that place small; without a readable selector it is its whole namespace, or every endpoint. A staged one that cannot be read at
/// all is absent: nothing of it would be enforced anyhow.</remarks>
internal static class ReadPolicy
{
    private const string DefaultTier = "default";

    /// <summary>A policy as its last update says.</summary>
    /// <returns>Null: it is gone, or staged as a deletion.</returns>
    public static (PolicyText Text, PolicyPlace Place)? Read(SyncUpdate update)
    {
        if (StagedPolicies.Owns(update.Key))
        {
            return StagedPolicies.Find(update) is not var (fields, revision, stagedFault) ? null
                : Read(update.Key, revision, fields, (fields as IGlobalPolicySpec)?.NamespaceSelector, stagedFault) is var (text, place)
                ? (text with { IsStaged = true }, place with { IsStaged = true }) : null;
        }

        var readable = update.Value ?? update.Fragment;
        if (Kinds.NetworkPolicy.TryRead(readable, out var policy))
        {
            return Read(update.Key, policy.Metadata.ResourceVersion ?? "", policy.Spec, null,
                update.Error ?? PolicyText.FaultOf(policy.Spec.Unknown));
        }

        if (Kinds.GlobalNetworkPolicy.TryRead(readable, out var global))
        {
            return Read(update.Key, global.Metadata.ResourceVersion ?? "", global.Spec, global.Spec.NamespaceSelector,
                update.Error ?? PolicyText.FaultOf(global.Spec.Unknown));
        }

        return update.Error is { } error ? Unreadable(update.Key, error) : null;
    }

    private static (PolicyText Text, PolicyPlace Place) Read(ResourceKey key, string revision, IPolicySpec fields, string? namespaces,
        string? fault)
    {
        var tier = string.IsNullOrEmpty(fields.Tier) ? DefaultTier : fields.Tier;
        Selector selector;
        try
        {
            selector = SelectorOf(key, fields, namespaces);
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
        return (text, new(key, tier, fields.Order, selector, directions)
        {
            Stage = StageOf(fields),
            AppliesOnForward = fields is IGlobalPolicySpec { ApplyOnForward: true },
        });
    }

    private static PolicyStage StageOf(IPolicySpec fields) => fields switch
    {
        IGlobalPolicySpec { DoNotTrack: true } => PolicyStage.Untracked,
        IGlobalPolicySpec { PreDnat: true } => PolicyStage.PreDnat,
        _ => PolicyStage.Normal,
    };

    /// <summary>A policy that cannot be decoded.</summary>
    private static (PolicyText Text, PolicyPlace Place) Unreadable(ResourceKey key, string error) => (
        PolicyText.Unusable(key, DefaultTier, "", error),
        new(key, DefaultTier, null, Scope(key), PolicyDirections.Both) { AppliesOnForward = true });

    /// <summary>The endpoints that the selectors mean together, as upstream joins them: into one text, in which it then puts "has a
    /// namespace" (or an account) for every <c>all()</c>, where the policy has no namespace of its own.</summary>
    private static Selector SelectorOf(ResourceKey key, IPolicySpec fields, string? namespaces)
    {
        var isGlobal = key.Namespace.Length == 0;
        var selector = string.IsNullOrEmpty(fields.Selector) ? null : EffectiveSelector.Parse("selector", fields.Selector);
        if (!isGlobal)
        {
            selector = And(selector, Scope(key));
        }

        if (!string.IsNullOrEmpty(namespaces))
        {
            selector = And(selector?.OverOwners("", EffectiveSelector.NamespaceLabel),
                EffectiveSelector.OfNamespaces("namespaceSelector", namespaces));
        }

        if (!string.IsNullOrEmpty(fields.ServiceAccountSelector))
        {
            const string field = "serviceAccountSelector";
            selector = isGlobal
                ? And(selector?.OverOwners("", EffectiveSelector.ServiceAccountLabel),
                    EffectiveSelector.OfAccounts(field, fields.ServiceAccountSelector))
                : And(selector, EffectiveSelector.OfAccountLabels(field, fields.ServiceAccountSelector));
        }

        return selector ?? Selector.All;
    }

    private static Selector And(Selector? selector, Selector other) => selector is null ? other : selector.And(other);

    private static Selector Scope(ResourceKey key) =>
        key.Namespace.Length == 0 ? Selector.All : Selector.LabelEquals(EffectiveSelector.NamespaceLabel, key.Namespace);

    /// <summary>Without types: ingress, unless there are egress rules alone.</summary>
    private static PolicyDirections DirectionsOf(IPolicySpec fields, out string? fault)
    {
        fault = null;
        if (fields.Types is not { IsDefaultOrEmpty: false } types)
        {
            var (hasIngress, hasEgress) = (fields.Ingress is { IsDefaultOrEmpty: false }, fields.Egress is { IsDefaultOrEmpty: false });
            return (hasIngress || !hasEgress ? PolicyDirections.Ingress : PolicyDirections.None) | (hasEgress ? PolicyDirections.Egress
                : PolicyDirections.None);
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
