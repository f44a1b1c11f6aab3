using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>IPAMConfiguration.</summary>
internal static class IpamConfigurationKind
{
    internal static ResourceKind Create() => new ResourceKind<IpamConfigurationSpec>
    {
        Name = "IPAMConfiguration",
        Plural = "ipamconfigurations",
        Aliases = ["ipamconfig", "ipamconfigs"],
        Spec = new(
            WithDefault(Flag("strictAffinity"), "false"),
            WithDefault(Flag("autoAllocateBlocks"), "true"),
            WithDefault(Number("maxBlocksPerHost", 0, 1_000_000), "0"),
            Choice("kubeVirtVMAddressPersistence", "Enabled", "Disabled"),
            Number("ipCooldownSeconds", 0, 1200)),
        Rules = [ClusterInformationKind.OnlyDefault],
        Columns =
        [
            TableColumn.Name, TableColumn.Flag("STRICTAFFINITY", "strictAffinity"), TableColumn.Flag("AUTOALLOCATEBLOCKS", "autoAllocateBlocks"),
        ],
        WideColumns =
        [
            TableColumn.Name, TableColumn.Flag("STRICTAFFINITY", "strictAffinity"), TableColumn.Flag("AUTOALLOCATEBLOCKS", "autoAllocateBlocks"),
            TableColumn.Spec("MAXBLOCKSPERHOST", "maxBlocksPerHost"),
        ],
    };
}
