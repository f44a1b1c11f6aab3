namespace Calico.Linux.Netlink;

/// <summary>Netlink protocols (uapi linux/netlink.h).</summary>
public enum NetlinkFamily
{
    /// <summary>Links, addresses, routes, rules, neighbours.</summary>
    Route = 0,

    /// <summary>nftables, conntrack, nflog.</summary>
    Netfilter = 12,

    /// <summary>Generic netlink.</summary>
    Generic = 16,
}
