using System.Buffers;
using System.Buffers.Binary;

namespace Calico.EmbeddedStore.Engine;

/// <summary>Holds values by their difference to one of their kind: endpoints of a cluster are a few hundred bytes that say nearly the same.
/// </summary>
/// <remarks>One pattern for each folder of keys, a value like any other; a value that has little in common with it is the next pattern. One
/// caller at a time; what it has packed needs it no more.</remarks>
internal sealed class ValuePacker
{
    // Shorter ones gain nothing over their object's own size; longer ones have places beyond two bytes.
    private const int Shortest = 128;
    private const int Longest = ushort.MaxValue;

    // As many bytes must agree to begin a copy: a step costs six.
    private const int Gram = 8;
    private const int FolderDepth = 5;
    private const int MostFolders = 256;

    private readonly Dictionary<int, Pattern> _patterns = [];

    /// <param name="key">Its folder chooses the pattern.</param>
    /// <param name="value">Never written to afterwards.</param>
    public PackedValue Keep(ReadOnlySpan<byte> key, byte[] value) => Keep(key, value, value);

    /// <param name="key">Its folder chooses the pattern.</param>
    /// <param name="value">Copied where it is kept whole.</param>
    public PackedValue Keep(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Keep(key, value, null);

    private PackedValue Keep(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, byte[]? whole)
    {
        if (value.Length is < Shortest or > Longest)
        {
            return PackedValue.Whole(whole ?? value.ToArray());
        }

        var folder = FolderOf(key);
        if (_patterns.TryGetValue(folder, out var pattern) && pattern.TryPack(value) is { } steps)
        {
            return PackedValue.Packed(steps, pattern.Text, value.Length);
        }

        if (_patterns.Count >= MostFolders)
        {
            _patterns.Clear();
        }

        whole ??= value.ToArray();
        _patterns[folder] = new(whole);
        return PackedValue.Whole(whole);
    }

    // Two folders of one hash share a pattern: that costs room, nothing else.
    private static int FolderOf(ReadOnlySpan<byte> key)
    {
        var end = 0;
        for (var depth = 0; depth <= FolderDepth; depth++)
        {
            var next = key[end..].IndexOf((byte)'/');
            if (next < 0)
            {
                break;
            }

            end += next + 1;
        }

        var hash = default(HashCode);
        hash.AddBytes(key[..end]);
        return hash.ToHashCode();
    }

    private sealed class Pattern
    {
        private readonly ushort[] _places;

        public Pattern(byte[] text)
        {
            Text = text;
            // Twice as many slots as places, a power of two; the last place of a slot stays.
            _places = new ushort[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)text.Length * 2)];
            for (var place = 0; place + Gram <= text.Length; place++)
            {
                _places[SlotOf(BinaryPrimitives.ReadUInt64LittleEndian(text.AsSpan(place)))] = (ushort)place;
            }
        }

        public byte[] Text { get; }

        /// <returns>Null: not worth it.</returns>
        public byte[]? TryPack(ReadOnlySpan<byte> value)
        {
            var most = value.Length * 2 / 3;
            var steps = ArrayPool<byte>.Shared.Rent(most);
            try
            {
                var (written, at, own, follows) = (0, 0, 0, 0);
                while (at < value.Length)
                {
                    var (place, shared) = FindAt(value[at..], follows);
                    if (shared == 0 && at + 1 < value.Length)
                    {
                        (at, follows) = (at + 1, follows + 1);
                        continue;
                    }

                    var ends = shared == 0 ? value.Length : at;
                    if (written + PackedValue.StepSize + (ends - own) > most)
                    {
                        return null;
                    }

                    BinaryPrimitives.WriteUInt16LittleEndian(steps.AsSpan(written), (ushort)(ends - own));
                    BinaryPrimitives.WriteUInt16LittleEndian(steps.AsSpan(written + 2), (ushort)place);
                    BinaryPrimitives.WriteUInt16LittleEndian(steps.AsSpan(written + 4), (ushort)shared);
                    value[own..ends].CopyTo(steps.AsSpan(written + PackedValue.StepSize));
                    written += PackedValue.StepSize + (ends - own);
                    at = own = ends + shared;
                    follows = place + shared;
                }

                return steps.AsSpan(0, written).ToArray();
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(steps);
            }
        }

        /// <summary>Where the pattern says the same: first where it went on after what was copied last, then by its index.</summary>
        private (int Place, int Shared) FindAt(ReadOnlySpan<byte> rest, int follows)
        {
            if (rest.Length < Gram)
            {
                return (0, 0);
            }

            // Most places of a value's own part are no beginning: that is seen by one comparison each.
            var gram = BinaryPrimitives.ReadUInt64LittleEndian(rest);
            if (Begins(follows, gram))
            {
                return (follows, Text.AsSpan(follows).CommonPrefixLength(rest));
            }

            var place = _places[SlotOf(gram)];
            return Begins(place, gram) ? (place, Text.AsSpan(place).CommonPrefixLength(rest)) : (0, 0);
        }

        private bool Begins(int place, ulong gram) =>
            place + Gram <= Text.Length && BinaryPrimitives.ReadUInt64LittleEndian(Text.AsSpan(place)) == gram;

        private int SlotOf(ulong gram) => (int)((gram * 0x9E3779B97F4A7C15) >> 40) & (_places.Length - 1);
    }
}
