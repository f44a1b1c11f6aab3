using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Words for what an object in the kernel has and none that this library makes has; empty where that is nothing.</summary>
internal static class NftUnusual
{
    // uapi nf_tables.h, enum nft_table_flags
    private const uint NFT_TABLE_F_DORMANT = 1;
    private const uint NFT_TABLE_F_OWNER = 2;
    private const uint NFT_TABLE_F_PERSIST = 4;
    private const uint KnownTableFlags = NFT_TABLE_F_DORMANT | NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST;

    public static string OfTableFlags(uint flags) =>
        ((flags & NFT_TABLE_F_DORMANT) != 0 ? " dormant" : "")
        + ((flags & NFT_TABLE_F_OWNER) != 0 ? " owned" : "")
        + ((flags & NFT_TABLE_F_PERSIST) != 0 ? " persistent" : "")
        + OfFlags(flags & ~KnownTableFlags);

    public static string OfFlags(uint flags) => flags == 0 ? "" : $" flags 0x{flags:x}";

    /// <summary>An attribute that is as good as absent when it is zero.</summary>
    public static string Of(string name, in NetlinkAttribute attribute) =>
        attribute.Content.ContainsAnyExcept((byte)0) ? $" {name}" : "";
}
