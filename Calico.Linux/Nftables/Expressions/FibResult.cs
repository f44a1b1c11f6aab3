namespace Calico.Linux.Nftables;

/// <summary>What a route lookup yields (uapi nf_tables.h, enum nft_fib_result).</summary>
public enum FibResult : uint
{
    /// <summary>Index of the route's link, 4 bytes native; 0 when there is none, or not through the wanted link.</summary>
    OutgoingIndex = 1,
    OutgoingName = 2,

    /// <summary>RTN_*, 4 bytes native.</summary>
    AddressType = 3,
}
