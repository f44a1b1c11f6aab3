using System.Buffers.Binary;

namespace Calico.Shim.Wire;

/// <summary>A frame: payload length (u32, little-endian), kind (u8), payload.</summary>
/// <remarks>Both ends are on one machine; the byte order is fixed all the same, so that a spooled frame can be read anywhere.</remarks>
internal static class Frame
{
    public const int HeaderLength = 5;

    /// <summary>Bytes. Kubernetes bounds an object's annotations at 256 KiB and a configuration with its previous result is a few
    /// kilobytes; whoever sends more than this is not a CNI runtime.</summary>
    public const int MaxPayload = 1 << 20;

    public static void WriteHeader(Span<byte> header, FrameKind kind, int payloadLength)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)payloadLength);
        header[4] = (byte)kind;
    }

    public static (FrameKind Kind, int PayloadLength) ReadHeader(ReadOnlySpan<byte> header)
    {
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header);
        if (length > MaxPayload)
        {
            throw new WireFormatException($"a frame of {length} bytes; at most {MaxPayload} are allowed");
        }

        var kind = (FrameKind)header[4];
        if (kind is < FrameKind.Request or > FrameKind.RunDelegate)
        {
            throw new WireFormatException($"a frame of unknown kind {header[4]}");
        }

        return (kind, (int)length);
    }
}
