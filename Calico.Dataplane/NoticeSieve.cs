using Calico.Dataplane.Reconciliation;
using Calico.Linux.Nftables;
using Calico.Linux.Route;

namespace Calico.Dataplane;

/// <summary>Which notices concern us. On a router with a full table most are nobody's business here. Safe from any thread.</summary>
/// <param name="options">Prefix and route protocol.</param>
/// <param name="tables">Ours.</param>
/// <param name="links">Host sides, whatever they are called.</param>
/// <param name="isInTheWay">Whether a route may have taken the place of one of ours.</param>
/// <param name="isOfHost">Whether it tells of the host's own interfaces what was not known.</param>
internal sealed class NoticeSieve(DataplaneOptions options, IReadOnlyCollection<NftTable> tables, KeptLinks links,
    Func<RouteEntry, bool> isInTheWay, Func<RouteEvent, bool> isOfHost)
{
    public bool Concerns(NftChange change) => change.Lost || change.Tables.Any(tables.Contains);

    public bool Concerns(RouteEvent change) => isOfHost(change) || change switch
    {
        RouteEvent.Lost => true,
        RouteEvent.LinkChanged link => link.Link.Name.StartsWith(options.InterfacePrefix, StringComparison.Ordinal)
            || links.Find(link.Link.Index) is not null,
        RouteEvent.AddressChanged { Removed: true } address => links.Find(address.Address.LinkIndex) is not null,
        // Those of all links may have been written to each of ours.
        RouteEvent.SettingsChanged settings => settings.LinkIndex < 0 || links.Find(settings.LinkIndex) is not null,
        RouteEvent.RouteChanged { Removed: true } route => route.Route.Protocol.Number == options.RouteProtocol,
        RouteEvent.RouteChanged route => isInTheWay(route.Route),
        _ => false,
    };
}
