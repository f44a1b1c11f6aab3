using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Addresses;

namespace Calico.Datastore.Resources;

/// <summary>IPPool. Null fields were not set; readers use upstream's defaults.</summary>
public sealed record IpPoolSpec
{
    public string Cidr { get; set; } = "";
    public string? VxlanMode { get; init; }
    public string? IpipMode { get; init; }
    public bool? NatOutgoing { get; init; }
    public bool? Disabled { get; init; }
    [JsonPropertyName("disableBGPExport")] public bool? DisableBgpExport { get; init; }
    public int? BlockSize { get; init; }
    public string? NodeSelector { get; init; }
    public string? NamespaceSelector { get; init; }
    public ImmutableArray<string>? AllowedUses { get; init; }
    public string? AssignmentMode { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }

    /// <summary>Prefix length of the blocks of a pool that names none: 64 addresses.</summary>
    public static int DefaultBlockSize(Cidr pool) => pool.IsIpv6 ? 122 : 26;
}
