namespace Calico.EmbeddedStore.Engine;

/// <summary>etcd's interval of keys: no end is the one key, an end of a single zero byte is everything from the start on.</summary>
internal readonly record struct KeyInterval(byte[] Start, byte[] End)
{
    private static readonly byte[] Zero = [0];

    public static KeyInterval All { get; } = new(Zero, Zero);

    public bool IsSingleKey => End.Length == 0;

    private bool IsOpenEnded => End is [0];

    public static KeyInterval Single(byte[] key) => new(key, []);

    /// <summary>Every key that starts with the prefix; the empty prefix is every key.</summary>
    public static KeyInterval Prefix(byte[] prefix)
    {
        // The first key behind the prefix is the prefix with its last byte that can be raised, raised.
        var last = prefix.AsSpan().LastIndexOfAnyExcept((byte)0xff);
        if (last < 0)
        {
            return prefix.Length == 0 ? All : new KeyInterval(prefix, Zero);
        }

        var end = prefix[..(last + 1)];
        end[last]++;
        return new KeyInterval(prefix, end);
    }

    public bool Contains(ReadOnlySpan<byte> key) => IsSingleKey
        ? key.SequenceEqual(Start)
        : key.SequenceCompareTo(Start) >= 0 && IsBeforeEnd(key);

    /// <summary>Whether a key that is not below the start is inside.</summary>
    public bool IsBeforeEnd(ReadOnlySpan<byte> key) => IsSingleKey
        ? key.SequenceEqual(Start)
        : IsOpenEnded || key.SequenceCompareTo(End) < 0;

    public bool Overlaps(KeyInterval other) => Contains(other.Start) || other.Contains(Start);
}
