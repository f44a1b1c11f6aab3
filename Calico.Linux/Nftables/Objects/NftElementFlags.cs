namespace Calico.Linux.Nftables;

/// <summary>uapi nf_tables.h, enum nft_set_elem_flags.</summary>
[Flags]
public enum NftElementFlags : uint
{
    None = 0,

    /// <summary>Where a range ends: the first key after it.</summary>
    IntervalEnd = 1,

    /// <summary>Matches what no other element does; has no key.</summary>
    CatchAll = 2,
}
