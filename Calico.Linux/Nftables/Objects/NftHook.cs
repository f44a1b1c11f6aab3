namespace Calico.Linux.Nftables;

/// <summary>Hooks of the IPv4, IPv6 and inet families (uapi linux/netfilter.h, NF_INET_*).</summary>
public enum NftHook : uint
{
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
}
