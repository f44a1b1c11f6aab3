using System.Buffers.Binary;

namespace Calico.EmbeddedStore.Engine;

/// <summary>A stored value in memory: whole, or as what it does not share with another one.</summary>
/// <remarks>Packed it is a series of steps, each a count of own bytes and those bytes, then a place in the pattern and a count to copy from
/// there; counts and places are <see cref="ushort"/>, so longer values stay whole. Nothing of this form is ever on disk.</remarks>
internal readonly struct PackedValue
{
    /// <summary>What a step costs beside its own bytes.</summary>
    internal const int StepSize = 3 * sizeof(ushort);

    private readonly byte[] _bytes;
    private readonly byte[]? _pattern;

    private PackedValue(byte[] bytes, byte[]? pattern, int length) => (_bytes, _pattern, Length) = (bytes, pattern, length);

    /// <summary>Bytes of the value.</summary>
    public int Length { get; }

    /// <summary>Bytes that it takes here, the pattern not counted.</summary>
    public int Footprint => _bytes.Length;

    /// <param name="value">Never written to afterwards.</param>
    public static PackedValue Whole(byte[] value) => new(value, null, value.Length);

    /// <param name="steps">As <see cref="ValuePacker"/> writes them.</param>
    /// <param name="pattern">What they copy from.</param>
    /// <param name="length">Bytes of the value.</param>
    public static PackedValue Packed(byte[] steps, byte[] pattern, int length) => new(steps, pattern, length);

    /// <summary>The value; not to be written to. Made anew at each call where it is packed.</summary>
    public byte[] ToArray()
    {
        if (_pattern is null)
        {
            return _bytes;
        }

        var value = GC.AllocateUninitializedArray<byte>(Length);
        var from = _bytes.AsSpan();
        var to = value.AsSpan();
        while (!from.IsEmpty)
        {
            var own = BinaryPrimitives.ReadUInt16LittleEndian(from);
            var place = BinaryPrimitives.ReadUInt16LittleEndian(from[2..]);
            var shared = BinaryPrimitives.ReadUInt16LittleEndian(from[4..]);
            from.Slice(StepSize, own).CopyTo(to);
            _pattern.AsSpan(place, shared).CopyTo(to[own..]);
            from = from[(StepSize + own)..];
            to = to[(own + shared)..];
        }

        return value;
    }
}
