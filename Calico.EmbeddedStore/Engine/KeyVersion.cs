namespace Calico.EmbeddedStore.Engine;

/// <summary>A key as one revision left it. Older versions hang behind the newest until compaction cuts them off.</summary>
internal sealed class KeyVersion
{
    /// <summary>By key, the versions of one key in the order in which they were made.</summary>
    private static readonly Comparison<KeyVersion> Order = (left, right) =>
        KeyText.Order.Compare(left.Key, right.Key) is var order && order != 0 ? order : left.Sequence.CompareTo(right.Sequence);

    private KeyVersion? _previous;
    private byte[] _key = [];

    /// <summary>Row in the file: position in the order of all changes ever made.</summary>
    public required long Sequence { get; init; }

    public required byte[] Key { get => _key; init => _key = value; }

    public required PackedValue Packed { get; init; }

    /// <summary>Not to be written to; may be made anew at each call.</summary>
    public byte[] Value => Packed.ToArray();

    public required long CreateRevision { get; init; }

    public required long ModRevision { get; init; }

    /// <summary>0: this revision deleted the key.</summary>
    public required long Version { get; init; }

    public required long Lease { get; init; }

    public bool IsDeletion => Version == 0;

    /// <summary>The version before; null for the first, and after compaction.</summary>
    public KeyVersion? Previous { get => Volatile.Read(ref _previous); init => _previous = value; }

    public int Size => Key.Length + Packed.Length;

    /// <summary>The last version of each key, in key order, with the older ones behind it.</summary>
    /// <param name="all">Of all keys, of which nobody else knows yet. Sorted in place.</param>
    public static ReadOnlySpan<(byte[] Key, KeyVersion Version)> Newest(List<KeyVersion> all)
    {
        all.Sort(Order);
        var newest = new (byte[] Key, KeyVersion Version)[all.Count];
        var count = 0;
        foreach (var version in all)
        {
            if (count > 0 && newest[count - 1].Version is var before && KeyText.Order.Compare(before.Key, version.Key) == 0)
            {
                // They hold one key.
                (version._previous, version._key) = (before, before.Key);
                count--;
            }

            newest[count++] = (version.Key, version);
        }

        return newest.AsSpan(0, count);
    }

    /// <summary>The key as of a revision; null when it did not exist then.</summary>
    public KeyVersion? At(long revision)
    {
        var version = this;
        while (version is not null && version.ModRevision > revision)
        {
            version = version.Previous;
        }

        return version is null || version.IsDeletion ? null : version;
    }

    /// <summary>Forgets what was before. Readers check afterwards that their revision is not below the compaction.</summary>
    public void Cut() => Volatile.Write(ref _previous, null);
}
