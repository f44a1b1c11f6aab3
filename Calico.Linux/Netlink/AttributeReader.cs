using System.Runtime.InteropServices;

namespace Calico.Linux.Netlink;

/// <summary>Walks attributes. Unknown ones are for the caller to skip: <c>while (reader.TryRead(out var a)) switch (a.Type)</c>.</summary>
public ref struct AttributeReader(ReadOnlySpan<byte> buffer)
{
    private ReadOnlySpan<byte> _rest = buffer;

    /// <summary>The next attribute, or false at the end.</summary>
    /// <exception cref="NetlinkFormatException">A length points outside of the container.</exception>
    public bool TryRead(out NetlinkAttribute attribute)
    {
        if (_rest.IsEmpty)
        {
            attribute = default;
            return false;
        }

        var length = _rest.Length < NetlinkWriter.AttributeHeaderLength ? 0 : MemoryMarshal.Read<ushort>(_rest);
        if (length < NetlinkWriter.AttributeHeaderLength || length > _rest.Length)
        {
            throw new NetlinkFormatException($"an attribute claims {length} bytes of the {_rest.Length} that are there");
        }

        // NLA_F_NESTED and NLA_F_NET_BYTEORDER are not part of the type.
        attribute = new NetlinkAttribute((ushort)(MemoryMarshal.Read<ushort>(_rest[2..]) & 0x3fff),
            _rest[NetlinkWriter.AttributeHeaderLength..length]);
        var step = NetlinkWriter.Align(length);
        _rest = step >= _rest.Length ? [] : _rest[step..];
        return true;
    }
}
