using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Calico.Linux.Netlink;

public sealed partial class NetlinkWriter
{
    /// <summary>Length of nlattr.</summary>
    public const int AttributeHeaderLength = 4;

    /// <summary>NLA_F_NESTED.</summary>
    private const ushort NestedFlag = 0x8000;

    /// <summary>Opens an attribute that holds attributes. <paramref name="flagged"/> false only for the few old kinds that
    /// refuse NLA_F_NESTED.</summary>
    public NestedToken BeginNested(ushort type, bool flagged = true)
    {
        var offset = _length;
        MemoryMarshal.Write(Take(AttributeHeaderLength)[2..], flagged ? (ushort)(type | NestedFlag) : type);
        _openNested++;
        return new NestedToken(offset);
    }

    /// <summary>Closes it and patches its length.</summary>
    /// <exception cref="NetlinkFormatException">It is longer than its 16-bit length can say.</exception>
    public void EndNested(NestedToken token)
    {
        var length = _length - token.Offset;
        if (length > ushort.MaxValue)
        {
            throw new NetlinkFormatException($"a nested attribute of {length} bytes does not fit its 16-bit length");
        }

        MemoryMarshal.Write(_buffer.AsSpan(token.Offset), (ushort)length);
        _openNested--;
    }

    /// <summary>An attribute without content.</summary>
    public void WriteFlag(ushort type) => TakeAttribute(type, 0);

    /// <summary>An attribute of raw bytes.</summary>
    public void WriteBytes(ushort type, ReadOnlySpan<byte> value) => value.CopyTo(TakeAttribute(type, value.Length));

    /// <summary>Attributes that were written before, as they are.</summary>
    public void WriteRaw(ReadOnlySpan<byte> attributes) => attributes.CopyTo(Take(Align(attributes.Length)));

    public void WriteU8(ushort type, byte value) => TakeAttribute(type, 1)[0] = value;

    public void WriteU16(ushort type, ushort value) => MemoryMarshal.Write(TakeAttribute(type, 2), value);

    public void WriteU16BigEndian(ushort type, ushort value) => BinaryPrimitives.WriteUInt16BigEndian(TakeAttribute(type, 2), value);

    public void WriteU32(ushort type, uint value) => MemoryMarshal.Write(TakeAttribute(type, 4), value);

    public void WriteU32BigEndian(ushort type, uint value) => BinaryPrimitives.WriteUInt32BigEndian(TakeAttribute(type, 4), value);

    public void WriteI32(ushort type, int value) => MemoryMarshal.Write(TakeAttribute(type, 4), value);

    public void WriteU64BigEndian(ushort type, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(TakeAttribute(type, 8), value);

    /// <summary>Text with its closing zero byte, as the kernel's string policies want it.</summary>
    public void WriteString(ushort type, string value)
    {
        var count = Encoding.UTF8.GetByteCount(value);
        Encoding.UTF8.GetBytes(value, TakeAttribute(type, count + 1));
    }

    /// <summary>The 4 or 16 bytes of an address.</summary>
    public void WriteAddress(ushort type, IPAddress value)
    {
        var content = TakeAttribute(type, value.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 4 : 16);
        value.TryWriteBytes(content, out _);
    }

    private Span<byte> TakeAttribute(ushort type, int length)
    {
        if (length > ushort.MaxValue - AttributeHeaderLength)
        {
            throw new NetlinkFormatException($"an attribute of {length} bytes does not fit its 16-bit length");
        }

        var taken = Take(Align(AttributeHeaderLength + length));
        MemoryMarshal.Write(taken, (ushort)(AttributeHeaderLength + length));
        MemoryMarshal.Write(taken[2..], type);
        return taken.Slice(AttributeHeaderLength, length);
    }
}
