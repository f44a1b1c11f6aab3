using System.Buffers.Binary;
using System.Text;

namespace Calico.Shim.Wire;

/// <summary>Builds one frame in one growing buffer.</summary>
internal ref struct WireWriter
{
    private readonly FrameKind _kind;
    private byte[] _buffer;
    private int _length;

    public WireWriter(FrameKind kind, int expectedPayload)
    {
        _kind = kind;
        _buffer = new byte[Frame.HeaderLength + expectedPayload];
        _length = Frame.HeaderLength;
    }

    public void WriteByte(byte value) => Take(1)[0] = value;

    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);

    /// <summary>Length (u32), then the bytes.</summary>
    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        WriteInt32(value.Length);
        value.CopyTo(Take(value.Length));
    }

    /// <summary>UTF-8, as bytes.</summary>
    public void WriteText(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        WriteInt32(length);
        Encoding.UTF8.GetBytes(value, Take(length));
    }

    /// <summary>The finished frame, header included.</summary>
    public readonly ReadOnlyMemory<byte> Finish()
    {
        var payload = _length - Frame.HeaderLength;
        if (payload > Frame.MaxPayload)
        {
            throw new WireFormatException($"a frame of {payload} bytes; at most {Frame.MaxPayload} are allowed");
        }

        Frame.WriteHeader(_buffer, _kind, payload);
        return _buffer.AsMemory(0, _length);
    }

    private Span<byte> Take(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        }

        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
