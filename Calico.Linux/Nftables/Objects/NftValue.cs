using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Calico.Linux.Nftables;

/// <summary>Bytes as they stand in a register: a key, a value to compare with, data of a map. Equal by content.</summary>
public readonly struct NftValue : IEquatable<NftValue>
{
    /// <summary>IFNAMSIZ.</summary>
    private const int NameLength = 16;

    private readonly ReadOnlyMemory<byte> _bytes;

    public NftValue(ReadOnlyMemory<byte> bytes) => _bytes = bytes;

    public ReadOnlySpan<byte> Bytes => _bytes.Span;

    public int Length => _bytes.Length;

    public static NftValue Byte(byte value) => new(new[] { value });

    /// <summary>Ports and EtherTypes: two bytes in network order.</summary>
    public static NftValue BigEndian(ushort value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return new NftValue(bytes);
    }

    public static NftValue BigEndian(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return new NftValue(bytes);
    }

    /// <summary>Marks, interface indexes, conntrack states: four bytes in the machine's order.</summary>
    public static NftValue Native(uint value)
    {
        var bytes = new byte[4];
        MemoryMarshal.Write(bytes, value);
        return new NftValue(bytes);
    }

    /// <summary>4 or 16 bytes.</summary>
    public static NftValue Address(IPAddress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new NftValue(value.GetAddressBytes());
    }

    /// <summary>A whole interface name, 16 bytes, zero-padded.</summary>
    public static NftValue LinkName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var bytes = new byte[NameLength];
        if (Encoding.UTF8.GetByteCount(name) >= NameLength)
        {
            throw new ArgumentException($"interface name '{name}' is longer than {NameLength - 1} bytes", nameof(name));
        }

        Encoding.UTF8.GetBytes(name, bytes);
        return new NftValue(bytes);
    }

    /// <summary>The start of an interface name, to compare a loaded name with: <c>cali*</c> without the star.</summary>
    public static NftValue LinkNamePrefix(string prefix) => new(Encoding.UTF8.GetBytes(prefix));

    /// <summary>Several values as one key: each padded to whole words, as they stand in consecutive registers.</summary>
    public static NftValue Concat(params ReadOnlySpan<NftValue> parts)
    {
        var length = 0;
        foreach (var part in parts)
        {
            length += Padded(part.Length);
        }

        var bytes = new byte[length];
        var at = 0;
        foreach (var part in parts)
        {
            part.Bytes.CopyTo(bytes.AsSpan(at));
            at += Padded(part.Length);
        }

        return new NftValue(bytes);
    }

    public static bool operator ==(NftValue left, NftValue right) => left.Equals(right);

    public static bool operator !=(NftValue left, NftValue right) => !left.Equals(right);

    public bool Equals(NftValue other) => Bytes.SequenceEqual(other.Bytes);

    public override bool Equals(object? obj) => obj is NftValue other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    public override string ToString() => Convert.ToHexStringLower(Bytes);

    internal static int Padded(int length) => (length + 3) & ~3;
}
