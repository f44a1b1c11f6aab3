using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>NetworkPolicy: rules for the endpoints of a namespace.</summary>
internal static class NetworkPolicyKind
{
    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
    {
        Name = "NetworkPolicy",
        Plural = "networkpolicies",
        Aliases = ["policy", "policies", "np", "pol", "pols"],
        Namespaced = true,
        NameFormat = NameFormats.NamespacedPolicy,
        Spec = PolicyShapes.Namespaced,
        Columns = PolicyColumns.Plain,
        WideColumns = PolicyColumns.Wide,
        BeforeStore = PolicyStorage.AddName,
        AfterRead = PolicyStorage.TakeName,
        ClientRules = new PolicyClientRules(),
    };
}
