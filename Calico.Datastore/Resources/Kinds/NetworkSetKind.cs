namespace Calico.Datastore.Resources.Kinds;

/// <summary>NetworkSet: addresses outside the cluster that a namespace's policies can select by labels.</summary>
internal static class NetworkSetKind
{
    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
    {
        Name = "NetworkSet",
        Plural = "networksets",
        Aliases = ["netsets"],
        Namespaced = true,
        Spec = NetworkSetShapes.Spec,
        Rules = [NetworkSetShapes.NoReservedLabel],
        WideColumns = NetworkSetShapes.WideColumns,
    };
}
