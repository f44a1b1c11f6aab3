using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Numerics;

namespace Calico.Datastore.Addresses;

/// <summary>A range of addresses of either family: what a pool, a block, a reservation and a rule's net are.</summary>
/// <remarks>24 bytes, no object behind it, compared by value: the calculation holds hundreds of thousands, and an
/// <see cref="IPNetwork"/> costs an object an address. Host bits are always clear. An IPv4 address written as IPv6
/// (<c>::ffff:10.0.0.1</c>) is IPv4.</remarks>
public readonly record struct Cidr : IComparable<Cidr>
{
    private const int Ipv4Bits = 32;
    private const int Ipv6Bits = 128;

    // Two halves instead of one UInt128: that is aligned to 16 bytes, which would make this 32.
    private readonly ulong _high;
    private readonly ulong _low;
    private readonly byte _prefixLength;

    /// <summary>The range of that length that holds an address.</summary>
    /// <param name="isIpv6">The family.</param>
    /// <param name="address">The address as a number; an IPv4 one in the low 32 bits. Host bits are dropped.</param>
    /// <param name="prefixLength">0-32 or 0-128.</param>
    /// <exception cref="ArgumentOutOfRangeException">The family has no such length.</exception>
    public Cidr(bool isIpv6, UInt128 address, int prefixLength)
    {
        var bits = isIpv6 ? Ipv6Bits : Ipv4Bits;
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, bits);
        var first = address & ~HostMask(bits - prefixLength);
        (_high, _low) = ((ulong)(first >> 64), (ulong)first);
        _prefixLength = (byte)prefixLength;
        IsIpv6 = isIpv6;
    }

    private Cidr(bool isIpv6, ulong high, ulong low, byte prefixLength) =>
        (IsIpv6, _high, _low, _prefixLength) = (isIpv6, high, low, prefixLength);

    /// <summary>The family.</summary>
    public bool IsIpv6 { get; }

    /// <summary>4 or 6.</summary>
    public int Version => IsIpv6 ? 6 : 4;

    /// <summary>32 or 128.</summary>
    public int AddressBits => IsIpv6 ? Ipv6Bits : Ipv4Bits;

    /// <summary>0-32 or 0-128.</summary>
    public int PrefixLength => _prefixLength;

    /// <summary>Whether it is one address.</summary>
    public bool IsHost => PrefixLength == AddressBits;

    /// <summary>First address, as a number; an IPv4 one in the low 32 bits.</summary>
    public UInt128 First => new(_high, _low);

    /// <summary>Last address, as a number.</summary>
    public UInt128 Last => First | HostMask(AddressBits - PrefixLength);

    /// <summary>How many addresses. All of IPv6 are one more than fit into 128 bits.</summary>
    public BigInteger Count => BigInteger.One << (AddressBits - PrefixLength);

    /// <summary>The range of one address.</summary>
    public static Cidr From(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        Span<byte> bytes = stackalloc byte[16];
        plain.TryWriteBytes(bytes, out _);
        // Without the 128 bits, for which code is not compiled ahead: each endpoint's addresses are read so.
        return plain.AddressFamily == AddressFamily.InterNetworkV6
            ? new(true, BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), Ipv6Bits)
            : new(false, 0, BinaryPrimitives.ReadUInt32BigEndian(bytes), Ipv4Bits);
    }

    /// <summary>The same range.</summary>
    public static Cidr From(IPNetwork network)
    {
        // The framework counts a mapped network's length from the start of the IPv6 address. It is 96 at least: with a shorter one the
        // mark of a mapped address would be among the host bits, and those are clear.
        var mapped = network.BaseAddress.IsIPv4MappedToIPv6 ? Ipv6Bits - Ipv4Bits : 0;
        return From(network.BaseAddress).Widen(network.PrefixLength - mapped);
    }

    /// <summary>Reads <c>address/length</c>, or an address alone as the range of that one. Host bits may be set; they are dropped, as
    /// upstream does.</summary>
    /// <param name="text">As <see cref="AddressText"/> reads it: Go's rule, stricter than the framework's.</param>
    /// <param name="cidr">The range; when it is none, all of IPv4.</param>
    public static bool TryParse([NotNullWhen(true)] string? text, out Cidr cidr)
    {
        if (text is not null && AddressText.TryParse(text, out var address, out var prefixLength))
        {
            cidr = From(address);
            cidr = prefixLength == cidr.PrefixLength ? cidr : cidr.Widen(prefixLength);
            return true;
        }

        cidr = default;
        return false;
    }

    /// <summary>Reads what <see cref="TryParse"/> does.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: the text is no range.</exception>
    public static Cidr Parse(string text) =>
        TryParse(text, out var cidr) ? cidr : throw new CalicoException(Problem.Invalid, $"\"{text}\" is not a CIDR");

    /// <summary>Whether an address of the same family lies inside.</summary>
    public bool Contains(IPAddress address) => Contains(From(address));

    /// <summary>Whether a range of the same family lies wholly inside.</summary>
    public bool Contains(Cidr other) =>
        IsIpv6 == other.IsIpv6 && PrefixLength <= other.PrefixLength && First <= other.First && other.Last <= Last;

    /// <summary>Whether the two share an address.</summary>
    public bool Overlaps(Cidr other) => Contains(other) || other.Contains(this);

    /// <summary>The range of <paramref name="prefixLength"/> bits that holds this one's first address: with a shorter prefix, all of this
    /// one too.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The family has no such length.</exception>
    public Cidr Widen(int prefixLength) => new(IsIpv6, First, prefixLength);

    /// <summary>First address.</summary>
    public IPAddress FirstAddress() => ToAddress(First);

    /// <summary>Last address.</summary>
    public IPAddress LastAddress() => ToAddress(Last);

    /// <summary>The address that many after the first; it is not checked that it still lies inside.</summary>
    public IPAddress AddressAt(UInt128 ordinal) => ToAddress(First + ordinal);

    /// <summary>As the framework has it.</summary>
    public IPNetwork ToNetwork() => new(FirstAddress(), PrefixLength);

    /// <summary>IPv4 first, then by first address, wider first: a range comes right before those that lie in it.</summary>
    public int CompareTo(Cidr other) => IsIpv6 != other.IsIpv6 ? IsIpv6.CompareTo(other.IsIpv6)
        : _high != other._high ? _high.CompareTo(other._high)
        : _low != other._low ? _low.CompareTo(other._low)
        : PrefixLength.CompareTo(other.PrefixLength);

    public static bool operator <(Cidr left, Cidr right) => left.CompareTo(right) < 0;

    public static bool operator <=(Cidr left, Cidr right) => left.CompareTo(right) <= 0;

    public static bool operator >(Cidr left, Cidr right) => left.CompareTo(right) > 0;

    public static bool operator >=(Cidr left, Cidr right) => left.CompareTo(right) >= 0;

    /// <summary>Always with its length, as resources and keys have it: <c>10.0.0.0/26</c>, <c>10.0.0.1/32</c>.</summary>
    public override string ToString() => $"{FirstAddress()}/{PrefixLength}";

    /// <summary>Without the length where it is one address, as the kernel's tools print it: <c>10.0.0.0/26</c>, <c>10.0.0.1</c>.</summary>
    public string ToShortString() => IsHost ? FirstAddress().ToString() : ToString();

    private IPAddress ToAddress(UInt128 number)
    {
        Span<byte> bytes = stackalloc byte[16];
        ((IBinaryInteger<UInt128>)number).WriteBigEndian(bytes);
        return new(IsIpv6 ? bytes : bytes[^4..]);
    }

    // A shift by the whole width is a shift by nothing, so all of IPv6 is its own case.
    private static UInt128 HostMask(int bits) => bits == Ipv6Bits ? UInt128.MaxValue : (UInt128.One << bits) - 1;
}
