namespace Calico.Linux.Route;

/// <summary>Something changed in the namespace; by whom is not said, our own changes come too.</summary>
public abstract record RouteEvent
{
    private RouteEvent()
    {
    }

    /// <summary>A link came, changed or went.</summary>
    public sealed record LinkChanged(LinkState Link, bool Removed) : RouteEvent;

    public sealed record AddressChanged(InterfaceAddress Address, bool Removed) : RouteEvent;

    public sealed record RouteChanged(RouteEntry Route, bool Removed) : RouteEvent;

    public sealed record RuleChanged(RoutingRule Rule, bool Removed) : RouteEvent;

    public sealed record NeighbourChanged(NeighbourEntry Neighbour, bool Removed) : RouteEvent;

    /// <summary>A setting was written. The index is negative for those of all or of new links; which setting, and to what, is to be looked
    /// at.</summary>
    public sealed record SettingsChanged(int LinkIndex) : RouteEvent;

    /// <summary>Events were lost; whatever is derived from them must be read anew.</summary>
    public sealed record Lost : RouteEvent;
}
