using Calico.Datastore.Resources.Formats;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>IPReservation: addresses that IPAM does not give out by itself.</summary>
internal static class IpReservationKind
{
    internal static ResourceKind Create() => new ResourceKind<IpReservationSpec>
    {
        Name = "IPReservation",
        Plural = "ipreservations",
        Aliases = ["reservation", "reservations"],
        Spec = new(Texts("reservedCIDRs", NetFormats.Net, set: true)),
        WideColumns = [TableColumn.Name, TableColumn.List("CIDRS", "reservedCIDRs")],
    };
}
