namespace Calico.Datastore.Resources.Kinds;

/// <summary>GlobalNetworkSet: addresses outside the cluster that policies can select by labels.</summary>
internal static class GlobalNetworkSetKind
{
    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
    {
        Name = "GlobalNetworkSet",
        Plural = "globalnetworksets",
        Aliases = ["gnetsets"],
        Namespaced = false,
        Spec = NetworkSetShapes.Spec,
        Rules = [NetworkSetShapes.NoReservedLabel],
        WideColumns = NetworkSetShapes.WideColumns,
    };
}
