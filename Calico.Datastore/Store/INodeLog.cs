using System.Collections.Immutable;

namespace Calico.Datastore.Store;

/// <summary>A write of the node log; a null value deletes.</summary>
public readonly record struct NodeLogWrite(string Key, ReadOnlyMemory<byte>? Value);

/// <summary>What runs on this node, durable on its own disk: endpoint intents, leases, journalled releases, adapters' documents.
/// Only the host writes it.</summary>
/// <remarks>Keys are <c>&lt;section&gt;/…</c>. Reads come from memory. Safe to call concurrently; commits take effect in the order
/// in which they were begun, so a caller that begins them under its lock has them in the order of its own state.
/// Opening throws <see cref="CalicoException"/>: <see cref="Problem.Refused"/> the log of another machine or node, or of a newer
/// version, with what to do; <see cref="Problem.Damaged"/> a file that cannot be read; <see cref="Problem.Exhausted"/> disk full.</remarks>
public interface INodeLog
{
    /// <summary>The value, or null.</summary>
    ReadOnlyMemory<byte>? Get(string key);

    /// <summary>Entries whose key starts so, in key order.</summary>
    ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>> List(string prefix);

    /// <summary>Writes all or nothing; on disk when it returns.</summary>
    Task CommitAsync(ImmutableArray<NodeLogWrite> writes, CancellationToken ct);

    /// <summary>A store transaction together with log writes: when the transaction's comparisons hold, both are done.</summary>
    /// <remarks>When log and store are one file, this is one transaction and one fsync. Otherwise the log is written first, then the
    /// store; when the comparisons fail, <paramref name="writes"/> are taken back before this returns. When the store does not answer,
    /// the writes stay and <see cref="Problem.Unavailable"/> is thrown: the caller owns the doubt.</remarks>
    Task<StoreOutcome> CommitAsync(IKeyValueStore store, StoreTransaction transaction, ImmutableArray<NodeLogWrite> writes,
        CancellationToken ct);
}
