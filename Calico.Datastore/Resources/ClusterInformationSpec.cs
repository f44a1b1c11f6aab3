using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>ClusterInformation.</summary>
public sealed record ClusterInformationSpec
{
    /// <summary>32 hexadecimal digits.</summary>
    [JsonPropertyName("clusterGUID")] public string? ClusterGuid { get; init; }

    /// <summary>Separated by commas.</summary>
    public string? ClusterType { get; init; }

    public string? CalicoVersion { get; init; }

    /// <summary>False: locked for a migration; nothing may be changed.</summary>
    public bool? DatastoreReady { get; init; }

    public string? Variant { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}
