using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>StagedKubernetesNetworkPolicy: a Kubernetes NetworkPolicy that is evaluated and not enforced.</summary>
internal static class StagedKubernetesNetworkPolicyKind
{
    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
    {
        Name = "StagedKubernetesNetworkPolicy",
        Plural = "stagedkubernetesnetworkpolicies",
        Aliases = ["stagedkubernetespolicy", "stagedkubernetespolicies", "sknp", "skpol", "skpols"],
        Namespaced = true,
        Spec = new(
            PolicyShapes.StagedAction, Any("podSelector"), Choices("policyTypes", 2, "Ingress", "Egress"), Any("ingress"), Any("egress"))
        {
            Rules = [PolicyShapes.DeleteStandsAlone],
        },
        WideColumns = [TableColumn.Name, TableColumn.Spec("PODSELECTOR", "podSelector")],
        BeforeStore = PolicyStorage.AddName,
        AfterRead = PolicyStorage.TakeName,
    };
}
