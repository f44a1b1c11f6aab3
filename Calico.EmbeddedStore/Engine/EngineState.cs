using System.Collections.Immutable;

namespace Calico.EmbeddedStore.Engine;

/// <summary>Everything stored, as of one commit. Immutable; what is published is on disk.</summary>
internal sealed record EngineState
{
    /// <summary>Newest version of each key; deletions stay until they are compacted, so that old revisions can be read.</summary>
    public KeyTree<KeyVersion> Keys { get; init; } = KeyTree<KeyVersion>.Empty;

    public KeyTree<LogEntry> Log { get; init; } = KeyTree<LogEntry>.Empty;

    /// <summary>Time to live in seconds, by lease.</summary>
    public ImmutableDictionary<long, long> Leases { get; init; } = ImmutableDictionary<long, long>.Empty;

    /// <summary>1 is etcd's revision of an empty store.</summary>
    public long Revision { get; init; } = 1;

    /// <summary>Oldest revision that can be read; 0: all.</summary>
    public long Compacted { get; init; }

    public long LastSequence { get; init; }

    /// <summary>The key now, or null.</summary>
    public KeyVersion? Find(ReadOnlySpan<byte> key) => Keys.Find(key) is { IsDeletion: false } version ? version : null;

    /// <summary>Keys of an interval at a revision that is not compacted, in key order.</summary>
    public IEnumerable<KeyVersion> Range(KeyInterval interval, long revision)
    {
        foreach (var head in Keys.Range(interval))
        {
            if (head.At(revision) is { } version)
            {
                yield return version;
            }
        }
    }
}
