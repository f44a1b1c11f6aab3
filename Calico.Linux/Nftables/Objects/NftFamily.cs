namespace Calico.Linux.Nftables;

/// <summary>Families of tables (uapi linux/netfilter.h, NFPROTO_*).</summary>
public enum NftFamily : byte
{
    Unspecified = 0,

    /// <summary>IPv4 and IPv6.</summary>
    Inet = 1,
    IPv4 = 2,
    Arp = 3,
    Netdev = 5,
    Bridge = 7,
    IPv6 = 10,
}
