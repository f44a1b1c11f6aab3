using System.Runtime.InteropServices;

namespace Calico.Linux.Netlink;

/// <summary>Walks the messages of one received buffer.</summary>
public ref struct NetlinkReader(ReadOnlySpan<byte> buffer)
{
    private ReadOnlySpan<byte> _rest = buffer;

    /// <summary>The next message, or false at the end.</summary>
    /// <exception cref="NetlinkFormatException">A length points outside of what was received.</exception>
    public bool TryRead(out NetlinkMessage message)
    {
        if (_rest.IsEmpty)
        {
            message = default;
            return false;
        }

        var length = _rest.Length < NetlinkWriter.HeaderLength ? 0 : MemoryMarshal.Read<uint>(_rest);
        if (length < NetlinkWriter.HeaderLength || length > _rest.Length)
        {
            throw new NetlinkFormatException($"a message claims {length} bytes of the {_rest.Length} that are there");
        }

        message = new NetlinkMessage(MemoryMarshal.Read<ushort>(_rest[4..]), (NetlinkFlags)MemoryMarshal.Read<ushort>(_rest[6..]),
            MemoryMarshal.Read<uint>(_rest[8..]), MemoryMarshal.Read<uint>(_rest[12..]), _rest[NetlinkWriter.HeaderLength..(int)length]);
        var step = NetlinkWriter.Align((int)length);
        _rest = step >= _rest.Length ? [] : _rest[step..];
        return true;
    }
}
