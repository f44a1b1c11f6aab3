using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources.V3;

/// <summary>FelixConfiguration. Members are those that our dataplane obeys; the others, upstream's or newer, stay in
/// <see cref="Unknown"/> and are checked by the kind's table of parameters.</summary>
public sealed record FelixConfigurationSpec
{
    public string? NodeSelector { get; init; }

    /// <summary>Accept, Drop or Return, in any case.</summary>
    public string? DefaultEndpointToHostAction { get; init; }

    /// <summary>Prefixes of workloads' host interfaces, separated by commas.</summary>
    public string? InterfacePrefix { get; init; }

    /// <summary>Insert or Append, in any case.</summary>
    public string? ChainInsertMode { get; init; }

    public string? LogSeverityScreen { get; init; }
    public string? LogPrefix { get; init; }
    public ImmutableArray<ProtoPort>? FailsafeInboundHostPorts { get; init; }
    public ImmutableArray<ProtoPort>? FailsafeOutboundHostPorts { get; init; }
    [JsonPropertyName("floatingIPs")] public string? FloatingIps { get; init; }
    public string? IpForwarding { get; init; }
    public bool? Ipv6Support { get; init; }
    public string? NatOutgoingAddress { get; init; }
    public string? NatOutgoingExclusions { get; init; }
    public NumberOrString? NatPortRange { get; init; }
    public string? NftablesMode { get; init; }
    public string? NftablesFilterAllowAction { get; init; }
    public string? NftablesFilterDenyAction { get; init; }
    public string? NftablesRefreshInterval { get; init; }
    public string? RouteRefreshInterval { get; init; }
    public int? DeviceRouteProtocol { get; init; }
    public string? DeviceRouteSourceAddress { get; init; }
    [JsonPropertyName("deviceRouteSourceAddressIPv6")] public string? DeviceRouteSourceAddressIpv6 { get; init; }
    public bool? RemoveExternalRoutes { get; init; }
    public string? WorkloadSourceSpoofing { get; init; }
    public string? ServiceLoopPrevention { get; init; }
    [JsonPropertyName("disableConntrackInvalidCheck")] public bool? DisableConntrackInvalidCheck { get; init; }
    [JsonPropertyName("allowIPIPPacketsFromWorkloads")] public bool? AllowIpipPacketsFromWorkloads { get; init; }
    [JsonPropertyName("allowVXLANPacketsFromWorkloads")] public bool? AllowVxlanPacketsFromWorkloads { get; init; }
    [JsonPropertyName("vxlanEnabled")] public bool? VxlanEnabled { get; init; }
    [JsonPropertyName("vxlanMTU")] public int? VxlanMtu { get; init; }
    public int? VxlanPort { get; init; }
    [JsonPropertyName("vxlanVNI")] public int? VxlanVni { get; init; }
    public bool? IpipEnabled { get; init; }
    [JsonPropertyName("ipipMTU")] public int? IpipMtu { get; init; }

    /// <summary>Whether the status of endpoints is written to the store.</summary>
    public bool? EndpointReportingEnabled { get; init; }

    /// <summary>Between two writes of it, as Go writes durations.</summary>
    public string? EndpointReportingDelay { get; init; }

    /// <summary>Part of the keys of that status.</summary>
    public string? OpenstackRegion { get; init; }

    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A port that stays open whatever policy says.</summary>
public sealed record ProtoPort
{
    public string Protocol { get; set; } = "";
    public int Port { get; init; }
    public string? Net { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}
