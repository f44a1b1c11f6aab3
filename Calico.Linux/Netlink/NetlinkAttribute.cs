using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Calico.Linux.Netlink;

/// <summary>One attribute; a view of the receive buffer. Each accessor checks the length.</summary>
public readonly ref struct NetlinkAttribute(ushort type, ReadOnlySpan<byte> content)
{
    public ushort Type { get; } = type;

    public ReadOnlySpan<byte> Content { get; } = content;

    public byte U8 => AtLeast(1)[0];

    public ushort U16 => MemoryMarshal.Read<ushort>(AtLeast(2));

    public ushort U16BigEndian => BinaryPrimitives.ReadUInt16BigEndian(AtLeast(2));

    public uint U32 => MemoryMarshal.Read<uint>(AtLeast(4));

    public int I32 => MemoryMarshal.Read<int>(AtLeast(4));

    public uint U32BigEndian => BinaryPrimitives.ReadUInt32BigEndian(AtLeast(4));

    public ulong U64 => MemoryMarshal.Read<ulong>(AtLeast(8));

    public ulong U64BigEndian => BinaryPrimitives.ReadUInt64BigEndian(AtLeast(8));

    /// <summary>Text up to its first zero byte, if it has one.</summary>
    public string Text
    {
        get
        {
            var end = Content.IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? Content : Content[..end]);
        }
    }

    /// <summary>Whether <see cref="Text"/> is this, without making a string for it.</summary>
    public bool TextIs(string text)
    {
        var end = Content.IndexOf((byte)0);
        var bytes = end < 0 ? Content : Content[..end];

        // Two texts of ASCII differ if this says so; others are compared as strings.
        return Ascii.Equals(bytes, text) || (!Ascii.IsValid(bytes) && Text == text);
    }

    /// <summary>An IPv4 or IPv6 address, by length.</summary>
    public IPAddress Address => Content.Length is 4 or 16
        ? new IPAddress(Content)
        : throw new NetlinkFormatException($"attribute {Type} has {Content.Length} bytes, an address has 4 or 16");

    /// <summary>The attributes inside.</summary>
    public AttributeReader Nested => new(Content);

    private ReadOnlySpan<byte> AtLeast(int length) => Content.Length >= length
        ? Content
        : throw new NetlinkFormatException($"attribute {Type} has {Content.Length} bytes, expected {length}");
}
