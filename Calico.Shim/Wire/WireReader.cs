using System.Buffers.Binary;
using System.Text;

namespace Calico.Shim.Wire;

/// <summary>Reads one frame's payload; every length is checked against what is left before anything is sliced.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> payload)
{
    private readonly int _total = payload.Length;
    private ReadOnlySpan<byte> _rest = payload;

    public byte ReadByte() => Take(1)[0];

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public ReadOnlySpan<byte> ReadBytes() => Take(ReadInt32());

    /// <summary>Where the bytes lie in the payload, for callers that keep the payload instead of copying.</summary>
    public Range ReadRange()
    {
        var length = ReadInt32();
        var start = _total - _rest.Length;
        Take(length);
        return start..(start + length);
    }

    public string ReadText() => Encoding.UTF8.GetString(ReadBytes());

    public readonly void ExpectEnd()
    {
        if (!_rest.IsEmpty)
        {
            throw new WireFormatException($"{_rest.Length} bytes too many in a frame");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)_rest.Length)
        {
            throw new WireFormatException($"a field of {count} bytes where {_rest.Length} are left");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
