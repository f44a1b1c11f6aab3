namespace Calico.Linux.Route;

/// <summary>What to be told of.</summary>
[Flags]
public enum RouteEventKinds
{
    None = 0,
    Links = 1,
    Addresses = 2,
    Routes = 4,
    Rules = 8,
    Neighbours = 16,

    /// <summary>Some of <c>/proc/sys/net/ipv4|6/conf</c>: forwarding, rp_filter, proxy_arp.</summary>
    Settings = 32,
}
