using System.Collections.Immutable;
using Calico.Datastore.Store;

namespace Calico.TestKit.Store;

/// <summary>A node log in memory, apart from the store (as with etcd): written first, taken back when the comparisons fail.</summary>
public sealed class InMemoryNodeLog : INodeLog
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, byte[]> _entries = new(StringComparer.Ordinal);

    /// <summary>Who wrote a key last, with a transaction that may be taken back.</summary>
    private readonly Dictionary<string, object> _pending = new(StringComparer.Ordinal);

    /// <summary>Every commit of log writes fails (disk full), until set back.</summary>
    public bool Full { get; set; }

    /// <summary>A disk that takes its time: what is written is on it when this ends; null: at once.</summary>
    public Task? Disk { get; set; }

    /// <summary>Commits that failed because it was <see cref="Full"/>.</summary>
    public int Refused { get; private set; }

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
        Write(writes, null);
        if (Disk is { } disk)
        {
            await disk.WaitAsync(ct);
        }

        await Task.Yield();
    }

    public async Task<StoreOutcome> CommitAsync(IKeyValueStore store, StoreTransaction transaction, ImmutableArray<NodeLogWrite> writes,
        CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var owner = new object();
        var before = Write(writes, owner);
        var isTaken = false;
        try
        {
            var outcome = await store.CommitAsync(transaction, ct);
            isTaken = outcome.Succeeded;
            return outcome;
        }
        catch (Exception e) when (e is not CalicoException { Problem: not Problem.Unavailable })
        {
            // In doubt: what was written stays.
            isTaken = true;
            throw;
        }
        finally
        {
            Settle(isTaken ? [] : before, writes, owner);
        }
    }

    private void Settle(ImmutableArray<NodeLogWrite> before, ImmutableArray<NodeLogWrite> writes, object owner)
    {
        lock (_gate)
        {
            Write([.. before.Where(w => _pending.GetValueOrDefault(w.Key) == owner)], null);
            foreach (var write in writes.Where(w => _pending.GetValueOrDefault(w.Key) == owner))
            {
                _pending.Remove(write.Key);
            }
        }
    }

    private ImmutableArray<NodeLogWrite> Write(ImmutableArray<NodeLogWrite> writes, object? owner)
    {
        if (Full)
        {
            Refused++;
            throw new CalicoException(Problem.Exhausted, "the disk of the node log is full (scripted)");
        }

        lock (_gate)
        {
            Commits += writes.IsEmpty ? 0 : 1;
            ImmutableArray<NodeLogWrite> before = [.. writes.Select(w => w with
            {
                Value = _entries.TryGetValue(w.Key, out var old) ? (ReadOnlyMemory<byte>?)old : null,
            })];
            foreach (var write in writes)
            {
                if (owner is null)
                {
                    _pending.Remove(write.Key);
                }
                else
                {
                    _pending[write.Key] = owner;
                }

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
