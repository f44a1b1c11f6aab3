namespace Calico.Linux.Nftables;

/// <summary>uapi linux/netfilter/nf_nat.h, NF_NAT_RANGE_*; the flags for addresses and ports given are set by itself.</summary>
[Flags]
public enum NatFlags : uint
{
    None = 0,

    /// <summary>Random port.</summary>
    Random = 4,

    /// <summary>Same client, same address.</summary>
    Persistent = 8,

    /// <summary>Random port, from a better source.</summary>
    FullyRandom = 16,
}
