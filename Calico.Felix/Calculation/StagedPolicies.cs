using Calico.Datastore.Kubernetes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;

namespace Calico.Felix.Calculation;

/// <summary>Reads policies that are evaluated and not enforced.</summary>
/// <remarks>As upstream: staged as <c>Delete</c> one is absent; <c>Set</c>, <c>Learn</c> and <c>Ignore</c> are evaluated alike.</remarks>
internal static class StagedPolicies
{
    private const string Deletion = "Delete";

    public static bool Owns(ResourceKey key) => Kinds.StagedNetworkPolicy.Owns(key) || Kinds.StagedGlobalNetworkPolicy.Owns(key)
        || Kinds.StagedKubernetesNetworkPolicy.Owns(key);

    /// <summary>What one says as its last update has it.</summary>
    /// <returns>Its fields, its revision, and why it cannot be used (null: it can). Null: it is gone, a deletion, or cannot be
    /// read.</returns>
    public static (IPolicySpec Fields, string Revision, string? Fault)? Find(SyncUpdate update)
    {
        if (Kinds.StagedKubernetesNetworkPolicy.TryRead(update, out var kubernetes))
        {
            return IsDeletion(kubernetes.Spec.StagedAction) ? null : Convert(kubernetes);
        }

        if (update.Value?.As<IStagedPolicySpec>() is not { } fields || IsDeletion(fields.StagedAction))
        {
            return null;
        }

        var unknown = fields switch
        {
            StagedGlobalNetworkPolicySpec global => global.Unknown,
            StagedNetworkPolicySpec named => named.Unknown,
            _ => null,
        };
        return (fields, RevisionOf(update.Value), PolicyText.FaultOf(unknown));
    }

    private static bool IsDeletion(string? action) => string.Equals(action, Deletion, StringComparison.OrdinalIgnoreCase);

    private static string RevisionOf(Resource resource) => resource.Metadata.ResourceVersion ?? "";

    /// <summary>Its fields are Kubernetes' own, and so is their conversion.</summary>
    private static (IPolicySpec Fields, string Revision, string? Fault)? Convert(Resource<StagedKubernetesNetworkPolicySpec> staged)
    {
        var converted = NetworkPolicyConversion.Convert(Kinds.StagedKubernetesNetworkPolicy.ToJson(staged));
        return Kinds.NetworkPolicy.TryRead(converted.Policy, out var policy)
            ? (policy.Spec, RevisionOf(staged), PolicyText.FaultOf(staged.Spec.Unknown) ?? converted.Errors.FirstOrDefault())
            : null;
    }
}
