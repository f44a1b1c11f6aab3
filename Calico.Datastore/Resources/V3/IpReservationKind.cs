using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Formats;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>IPReservation: addresses that IPAM does not give out by itself.</summary>
public sealed record IpReservationSpec
{
    [JsonPropertyName("reservedCIDRs")] public ImmutableArray<string>? ReservedCidrs { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>IPReservation: addresses that IPAM does not give out by itself.</summary>
internal static class IpReservationKind
{
    internal static ResourceKind<IpReservationSpec> Create() => new()
    {
        Name = "IPReservation",
        Plural = "ipreservations",
        Aliases = ["reservation", "reservations"],
        Spec = new(Texts("reservedCIDRs", NetFormats.Net, set: true)),
        WideColumns = [TableColumn.Name, TableColumn.List("CIDRS", "reservedCIDRs")],
    };
}
