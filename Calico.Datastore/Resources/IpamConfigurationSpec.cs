using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

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
