namespace Calico.EmbeddedStore.Engine;

/// <summary>A key as one revision left it. Older versions hang behind the newest until compaction cuts them off.</summary>
internal sealed class KeyVersion
{
    private KeyVersion? _previous;

    /// <summary>Row in the file: position in the order of all changes ever made.</summary>
    public required long Sequence { get; init; }

    public required byte[] Key { get; init; }

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
