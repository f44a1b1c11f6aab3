using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>IPReservation: addresses that IPAM does not give out by itself.</summary>
public sealed record IpReservationSpec
{
    [JsonPropertyName("reservedCIDRs")] public ImmutableArray<string>? ReservedCidrs { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}
