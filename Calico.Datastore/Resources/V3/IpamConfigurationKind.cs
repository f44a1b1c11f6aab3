using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Ipam;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>IPAMConfiguration. IPAM obeys <see cref="IpamConfigValue"/>, another key.</summary>
public sealed record IpamConfigurationSpec
{
    public bool? StrictAffinity { get; init; }
    public bool? AutoAllocateBlocks { get; init; }
    public int? MaxBlocksPerHost { get; init; }
    public string? KubeVirtVMAddressPersistence { get; init; }
    public int? IpCooldownSeconds { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>IPAMConfiguration.</summary>
internal static class IpamConfigurationKind
{
    internal static ResourceKind<IpamConfigurationSpec> Create() => new()
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
            TableColumn.Name, TableColumn.Flag("STRICTAFFINITY", "strictAffinity"),
                TableColumn.Flag("AUTOALLOCATEBLOCKS", "autoAllocateBlocks"),
        ],
        WideColumns =
        [
            TableColumn.Name, TableColumn.Flag("STRICTAFFINITY", "strictAffinity"),
                TableColumn.Flag("AUTOALLOCATEBLOCKS", "autoAllocateBlocks"),
            TableColumn.Spec("MAXBLOCKSPERHOST", "maxBlocksPerHost"),
        ],
    };
}
