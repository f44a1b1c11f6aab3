using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Numerics;

namespace Calico.Ipam;

/// <summary>A range of addresses, as numbers: what a pool, a block and a reservation are.</summary>
/// <param name="First">First address; an IPv4 one in the low 32 bits. Host bits are clear.</param>
/// <param name="PrefixLength">0–32 or 0–128.</param>
/// <param name="IsV6">Family.</param>
public readonly record struct Cidr(UInt128 First, int PrefixLength, bool IsV6) : IComparable<Cidr>
{
    /// <summary>4 or 6.</summary>
    public int Version => IsV6 ? 6 : 4;

    /// <summary>32 or 128.</summary>
    public int AddressBits => IsV6 ? 128 : 32;

    /// <summary>Last address.</summary>
    public UInt128 Last => First | HostMask(AddressBits - PrefixLength);

    /// <summary>How many addresses.</summary>
    public BigInteger Count => BigInteger.One << (AddressBits - PrefixLength);

    /// <summary>The range of one address.</summary>
    public static Cidr Of(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var isV6 = plain.AddressFamily == AddressFamily.InterNetworkV6;
        return new(Number(plain), isV6 ? 128 : 32, isV6);
    }

    /// <summary>The same range.</summary>
    public static Cidr Of(IPNetwork network) => Of(network.BaseAddress).Widen(network.PrefixLength);

    /// <summary>Parses <c>a.b.c.d/n</c>, <c>x::/n</c> or a bare address; host bits are cleared.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Cidr cidr)
    {
        cidr = default;
        if (text is null)
        {
            return false;
        }

        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!IPAddress.TryParse(slash < 0 ? text : text.AsSpan(0, slash), out var address))
        {
            return false;
        }

        var single = Of(address);
        if (slash < 0)
        {
            cidr = single;
            return true;
        }

        if (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length) || length > single.AddressBits)
        {
            return false;
        }

        cidr = single.Widen(length);
        return true;
    }

    /// <summary>Parses, or says what is wrong.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>.</exception>
    public static Cidr Parse(string text) =>
        TryParse(text, out var cidr) ? cidr : throw new CalicoException(Problem.Invalid, $"\"{text}\" is not a CIDR");

    /// <summary>Whether an address of the same family lies inside.</summary>
    public bool Contains(IPAddress address) => Contains(Of(address));

    /// <summary>Whether a range of the same family lies wholly inside.</summary>
    public bool Contains(Cidr other) =>
        IsV6 == other.IsV6 && PrefixLength <= other.PrefixLength && other.Widen(PrefixLength).First == First;

    /// <summary>Whether the two share an address.</summary>
    public bool Overlaps(Cidr other) => Contains(other) || other.Contains(this);

    /// <summary>The range of <paramref name="prefixLength"/> bits that this one lies in.</summary>
    public Cidr Widen(int prefixLength) => this with
    {
        First = First & ~HostMask(AddressBits - prefixLength),
        PrefixLength = prefixLength,
    };

    /// <summary>The <paramref name="ordinal"/>-th address.</summary>
    public IPAddress Address(UInt128 ordinal)
    {
        var number = First + ordinal;
        if (!IsV6)
        {
            return new([(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number]);
        }

        Span<byte> bytes = stackalloc byte[16];
        ((IBinaryInteger<UInt128>)number).WriteBigEndian(bytes);
        return new(bytes);
    }

    /// <summary>As the framework has it.</summary>
    public IPNetwork ToNetwork() => new(Address(0), PrefixLength);

    /// <summary>IPv4 first, then by first address, wider first.</summary>
    public int CompareTo(Cidr other) => (IsV6, First, PrefixLength).CompareTo((other.IsV6, other.First, other.PrefixLength));

    /// <summary>Canonical: <c>10.0.0.0/26</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address(0)}/{PrefixLength}");

    public static bool operator <(Cidr left, Cidr right) => left.CompareTo(right) < 0;

    public static bool operator <=(Cidr left, Cidr right) => left.CompareTo(right) <= 0;

    public static bool operator >(Cidr left, Cidr right) => left.CompareTo(right) > 0;

    public static bool operator >=(Cidr left, Cidr right) => left.CompareTo(right) >= 0;

    private static UInt128 HostMask(int bits) => bits >= 128 ? UInt128.MaxValue : (UInt128.One << bits) - 1;

    private static UInt128 Number(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        UInt128 number = 0;
        foreach (var part in bytes[..length])
        {
            number = (number << 8) | part;
        }

        return number;
    }
}
