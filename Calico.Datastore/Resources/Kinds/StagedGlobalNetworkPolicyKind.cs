using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>StagedGlobalNetworkPolicy: a GlobalNetworkPolicy that is evaluated and not enforced.</summary>
internal static class StagedGlobalNetworkPolicyKind
{
    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
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
        ClientRules = new PolicyClientRules(),
    };
}
