using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources.Ipam;

/// <summary>What IPAM obeys, at <c>/calico/ipam/v2/config</c>; absent: the defaults here. The IPAMConfiguration resource is another key
/// and changes nothing, as upstream.</summary>
public sealed record IpamConfigValue
{
    [JsonPropertyName("strict_affinity"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool StrictAffinity { get; init; }

    /// <summary>Absent in JSON means false, as Go reads it; the default applies where the key is absent.</summary>
    [JsonPropertyName("auto_allocate_blocks"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AutoAllocateBlocks { get; init; }

    /// <summary>0: no limit.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int MaxBlocksPerHost { get; init; }

    public string? KubeVirtVMAddressPersistence { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int IpCooldownSeconds { get; init; }

    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }

    /// <summary>What holds where the key is absent.</summary>
    public static IpamConfigValue Default { get; } = new() { AutoAllocateBlocks = true, KubeVirtVMAddressPersistence = "Enabled" };
}
