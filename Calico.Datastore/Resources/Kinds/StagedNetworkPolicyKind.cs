using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>StagedNetworkPolicy: a NetworkPolicy that is evaluated and not enforced.</summary>
internal static class StagedNetworkPolicyKind
{
    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
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
        ClientRules = new PolicyClientRules(),
    };
}
