using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace Calico.Felix;

/// <summary>An address range of either family: masked, 18 bytes, and compared by value.</summary>
/// <remarks><see cref="IPNetwork"/> costs an object an address; the calculation holds hundreds of thousands.</remarks>
public readonly record struct Cidr : IComparable<Cidr>
{
    private const int Ipv4Bits = 32;
    private const int Ipv6Bits = 128;

    /// <summary>The address as a number; IPv4 in the low 32 bits. Host bits are zeroed.</summary>
    public Cidr(bool isIpv6, UInt128 address, int prefixLength)
    {
        var bits = isIpv6 ? Ipv6Bits : Ipv4Bits;
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, bits);
        IsIpv6 = isIpv6;
        PrefixLength = (byte)prefixLength;
        // A shift by the whole width is a shift by nothing, so the empty prefix is its own case.
        First = prefixLength == 0 ? 0 : address >> (bits - prefixLength) << (bits - prefixLength);
    }

    /// <summary>First address, as a number.</summary>
    public UInt128 First { get; }

    /// <summary>Length of the prefix.</summary>
    public byte PrefixLength { get; }

    /// <summary>The family.</summary>
    public bool IsIpv6 { get; }

    /// <summary>Whether it is one address.</summary>
    public bool IsHost => PrefixLength == (IsIpv6 ? Ipv6Bits : Ipv4Bits);

    /// <summary>Last address, as a number.</summary>
    public UInt128 Last
    {
        get
        {
            var hostBits = (IsIpv6 ? Ipv6Bits : Ipv4Bits) - PrefixLength;
            return hostBits == Ipv6Bits ? UInt128.MaxValue : First | ((UInt128.One << hostBits) - 1);
        }
    }

    /// <summary>The whole of <paramref name="network"/>.</summary>
    public static Cidr From(IPNetwork network) => From(network.BaseAddress, network.PrefixLength);

    /// <summary>The range of that length that holds an address.</summary>
    public static Cidr From(IPAddress address, int prefixLength)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var written);
        return written == 4
            ? new(false, BinaryPrimitives.ReadUInt32BigEndian(bytes), prefixLength)
            : new(true, BinaryPrimitives.ReadUInt128BigEndian(bytes), prefixLength);
    }

    /// <summary>Parses an address, or a range whose host bits may be set (they are dropped, as upstream does).</summary>
    public static bool TryParse(string? text, out Cidr cidr)
    {
        cidr = default;
        if (text is null)
        {
            return false;
        }
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var isIpv6 = text.Contains(':', StringComparison.Ordinal);
        if (!IPAddress.TryParse(slash < 0 ? text : text.AsSpan(0, slash), out var address) || !LooksWritten(text, slash, address))
        {
            return false;
        }
        var bits = isIpv6 ? Ipv6Bits : Ipv4Bits;
        var length = bits;
        if (slash >= 0 && (!byte.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var given) || (length = given) > bits))
        {
            return false;
        }
        cidr = From(address, length);
        return true;
    }

    /// <summary>Whether the other range lies inside this one.</summary>
    public bool Contains(Cidr other) => IsIpv6 == other.IsIpv6 && PrefixLength <= other.PrefixLength && First <= other.First && other.Last <= Last;

    /// <summary>First address.</summary>
    public IPAddress ToAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        if (!IsIpv6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)First);
            return new(bytes[..4]);
        }
        BinaryPrimitives.WriteUInt128BigEndian(bytes, First);
        return new(bytes);
    }

    /// <summary>Last address.</summary>
    public IPAddress LastAddress() => new Cidr(IsIpv6, Last, IsIpv6 ? Ipv6Bits : Ipv4Bits).ToAddress();

    /// <summary>As the framework's type.</summary>
    public IPNetwork ToNetwork() => new(ToAddress(), PrefixLength);

    public int CompareTo(Cidr other) => IsIpv6 != other.IsIpv6 ? IsIpv6.CompareTo(other.IsIpv6)
        : First != other.First ? First.CompareTo(other.First)
        : PrefixLength.CompareTo(other.PrefixLength);

    public static bool operator <(Cidr left, Cidr right) => left.CompareTo(right) < 0;

    public static bool operator >(Cidr left, Cidr right) => left.CompareTo(right) > 0;

    public static bool operator <=(Cidr left, Cidr right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Cidr left, Cidr right) => left.CompareTo(right) >= 0;

    /// <summary>An address, or address/length.</summary>
    public override string ToString() => IsHost ? ToAddress().ToString() : $"{ToAddress()}/{PrefixLength}";

    /// <summary>The framework reads <c>10.1</c>, <c>0x0a000001</c> and <c>012.0.0.1</c> as IPv4, and takes a zone; nobody means those in
    /// a policy.</summary>
    private static bool LooksWritten(string text, int slash, IPAddress address) => text.Contains(':', StringComparison.Ordinal)
        ? !text.Contains('%', StringComparison.Ordinal)
        : address.ToString() == (slash < 0 ? text : text[..slash]);
}
