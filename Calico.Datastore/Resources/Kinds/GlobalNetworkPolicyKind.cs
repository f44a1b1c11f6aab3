using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>GlobalNetworkPolicy: rules for endpoints of any namespace and of hosts.</summary>
internal static class GlobalNetworkPolicyKind
{
    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
    {
        Name = "GlobalNetworkPolicy",
        Plural = "globalnetworkpolicies",
        Aliases = ["gnp", "gnps"],
        Namespaced = false,
        NameFormat = NameFormats.GlobalPolicy,
        Spec = PolicyShapes.Global,
        Columns = PolicyColumns.Plain,
        WideColumns = PolicyColumns.Wide,
        BeforeStore = PolicyStorage.AddName,
        AfterRead = PolicyStorage.TakeName,
        ClientRules = new PolicyClientRules(),
    };
}
