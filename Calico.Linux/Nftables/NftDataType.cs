namespace Calico.Linux.Nftables;

/// <summary>Type of a set's key or data: its length, and for <c>nft list</c> its number and byte order.</summary>
/// <remarks>The numbers are nft's own (enum datatypes); a wrong one lists badly and filters well.</remarks>
public readonly record struct NftDataType(uint Id, int Length, NftByteOrder Order)
{
    public static NftDataType IPv4Address => new(7, 4, NftByteOrder.Big);

    public static NftDataType IPv6Address => new(8, 16, NftByteOrder.Big);

    public static NftDataType EthernetAddress => new(9, 6, NftByteOrder.Big);

    /// <summary>IPPROTO_*, one byte.</summary>
    public static NftDataType Protocol => new(12, 1, NftByteOrder.Big);

    /// <summary>Port, two bytes.</summary>
    public static NftDataType Service => new(13, 2, NftByteOrder.Big);

    public static NftDataType IcmpType => new(14, 1, NftByteOrder.Big);

    /// <summary>Packet mark; also the right type for numbers of one's own, four bytes native.</summary>
    public static NftDataType Mark => new(19, 4, NftByteOrder.Host);

    public static NftDataType LinkIndex => new(20, 4, NftByteOrder.Host);

    /// <summary><see cref="ConntrackStates"/>, four bytes native.</summary>
    public static NftDataType ConntrackState => new(26, 4, NftByteOrder.Host);

    public static NftDataType IcmpV6Type => new(29, 1, NftByteOrder.Big);

    /// <summary>Interface name, 16 bytes.</summary>
    public static NftDataType LinkName => new(41, 16, NftByteOrder.Host);

    /// <summary>Several types as one: a key whose parts stand side by side but which ranges as a whole, in the fast tree.</summary>
    /// <remarks>
    /// A key of several types in an <see cref="NftSet.Interval"/> set has ranges of each part instead. The kernel is told that it is a
    /// mark, so that <c>nft list</c> prints it in hexadecimal: told the true types, nft 1.0.6 crashes on listing such a set.
    /// </remarks>
    public static NftDataType Joined(params ReadOnlySpan<NftDataType> parts)
    {
        var length = 0;
        foreach (var part in parts)
        {
            length += NftValue.Padded(part.Length);
        }

        return Mark with { Length = length, Order = NftByteOrder.Big };
    }
}
