using System.Collections.Immutable;
using Calico.Datastore.Store;

namespace Calico.TestKit.Store;

/// <summary>A node log in memory, apart from the store (as with etcd): written first, taken back when the comparisons fail.</summary>
public sealed class InMemoryNodeLog : INodeLog
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, byte[]> _entries = new(StringComparer.Ordinal);

    /// <summary>Every commit of log writes fails (disk full), until set back.</summary>
    public bool Full { get; set; }

    /// <summary>Commits so far.</summary>
    public int Commits { get; private set; }

    public ReadOnlyMemory<byte>? Get(string key)
    {
        lock (_gate)
        {
            return _entries.TryGetValue(key, out var value) ? (ReadOnlyMemory<byte>?)value : null;
        }
    }

    public ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>> List(string prefix)
    {
        lock (_gate)
        {
            return [.. _entries.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal))
                .Select(e => new KeyValuePair<string, ReadOnlyMemory<byte>>(e.Key, e.Value))];
        }
    }

    public async Task CommitAsync(ImmutableArray<NodeLogWrite> writes, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Write(writes);
        await Task.Yield();
    }

    public async Task<StoreOutcome> CommitAsync(IKeyValueStore store, StoreTransaction transaction, ImmutableArray<NodeLogWrite> writes,
        CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var before = Write(writes);
        var outcome = await store.CommitAsync(transaction, ct);
        if (!outcome.Succeeded)
        {
            Write(before);
        }

        return outcome;
    }

    private ImmutableArray<NodeLogWrite> Write(ImmutableArray<NodeLogWrite> writes)
    {
        if (Full)
        {
            throw new CalicoException(Problem.Exhausted, "the disk of the node log is full (scripted)");
        }

        lock (_gate)
        {
            Commits++;
            ImmutableArray<NodeLogWrite> before = [.. writes.Select(w => w with
            {
                Value = _entries.TryGetValue(w.Key, out var old) ? (ReadOnlyMemory<byte>?)old : null,
            })];
            foreach (var write in writes)
            {
                if (write.Value is { } value)
                {
                    _entries[write.Key] = value.ToArray();
                }
                else
                {
                    _entries.Remove(write.Key);
                }
            }

            return before;
        }
    }
}
