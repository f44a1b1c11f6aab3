namespace Calico.Linux.Nftables;

/// <summary>How <c>nft list</c> reads a value; the kernel does not care.</summary>
public enum NftByteOrder : uint
{
    Unknown = 0,
    Host = 1,
    Big = 2,
}
