namespace Calico.Linux.Nftables;

/// <summary>uapi nf_tables.h, enum nft_set_flags.</summary>
[Flags]
public enum NftSetFlags : uint
{
    None = 0,
    Anonymous = 0x1,
    Constant = 0x2,
    Interval = 0x4,
    Map = 0x8,
    Timeout = 0x10,
    Evaluated = 0x20,
    ObjectMap = 0x40,

    /// <summary>The parts of the key are intervals each.</summary>
    Concat = 0x80,
}
