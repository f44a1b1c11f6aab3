using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>WorkloadEndpoint.</summary>
public sealed record WorkloadEndpointSpec
{
    /// <summary>Annotation with the name that the runtime gave the container; for people, nothing decides by it.</summary>
    public const string NameAnnotation = "net.calico/name";

    public string? Orchestrator { get; init; }
    public string? Workload { get; init; }
    public string? Node { get; init; }
    [JsonPropertyName("containerID")] public string? ContainerId { get; init; }
    public string? Pod { get; init; }
    public string? Endpoint { get; init; }
    public string? ServiceAccountName { get; init; }
    public ImmutableArray<string>? IpNetworks { get; init; }
    [JsonPropertyName("ipNATs")] public ImmutableArray<IpNat>? IpNats { get; init; }
    public string? Ipv4Gateway { get; init; }
    public string? Ipv6Gateway { get; init; }
    public ImmutableArray<string>? Profiles { get; init; }
    public string? InterfaceName { get; init; }
    public string? Mac { get; init; }
    public ImmutableArray<WorkloadEndpointPort>? Ports { get; init; }
    public ImmutableArray<string>? AllowSpoofedSourcePrefixes { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Floating address.</summary>
public sealed record IpNat
{
    [JsonPropertyName("internalIP")] public string InternalIp { get; set; } = "";
    [JsonPropertyName("externalIP")] public string ExternalIp { get; set; } = "";
}

/// <summary>A port of a workload.</summary>
public sealed record WorkloadEndpointPort
{
    public string Name { get; set; } = "";
    public NumberOrString? Protocol { get; init; }
    public int Port { get; init; }
    public int? HostPort { get; init; }
    [JsonPropertyName("hostIP")] public string? HostIp { get; init; }
}
