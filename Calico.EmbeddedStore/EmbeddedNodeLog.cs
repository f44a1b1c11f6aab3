using System.Collections.Immutable;
using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;

namespace Calico.EmbeddedStore;

/// <summary>The engine's node log.</summary>
internal sealed class EmbeddedNodeLog(EmbeddedEngine engine) : INodeLog
{
    private readonly Lock _guard = new();

    /// <summary>Of keys that a transaction under way has written: which one wrote last. Whoever writes such a key afterwards, a deletion
    /// too, takes it out: what is newer is not taken back.</summary>
    private readonly Dictionary<string, object> _pending = new(StringComparer.Ordinal);

    // The cast keeps "no entry" null: a plain null would become an empty memory, by way of an array.
    public ReadOnlyMemory<byte>? Get(string key) =>
        engine.State.Log.Find(KeyText.Bytes(key)) is { } entry ? entry.Value : (ReadOnlyMemory<byte>?)null;

    public ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>> List(string prefix) =>
        [.. engine.State.Log.Range(KeyInterval.Prefix(KeyText.Bytes(prefix)))
            .Select(e => new KeyValuePair<string, ReadOnlyMemory<byte>>(e.Key, e.Value))];

    public async Task CommitAsync(ImmutableArray<NodeLogWrite> writes, CancellationToken ct)
    {
        if (writes.Length > 0)
        {
            var entries = ToEntries(writes);
            await engine.WriteAsync(batch => Write(batch, entries, null), ct);
        }
    }

    public Task<StoreOutcome> CommitAsync(IKeyValueStore store, StoreTransaction transaction, ImmutableArray<NodeLogWrite> writes,
        CancellationToken ct) =>
        ReferenceEquals(store, engine.Store) ? CommitJointlyAsync(transaction, ToEntries(writes), ct)
        : CommitInOrderAsync(store, transaction, ToEntries(writes), ct);

    private async Task<StoreOutcome> CommitJointlyAsync(StoreTransaction transaction, ImmutableArray<Entry> entries, CancellationToken ct)
    {
        var request = EmbeddedKeyValueStore.ToEngine(transaction);
        TransactionRules.Check(request);
        var outcome = await engine.WriteAsync(batch =>
        {
            var done = batch.Commit(request);
            if (done.Succeeded)
            {
                Write(batch, entries, null);
            }

            return done;
        }, ct);
        return EmbeddedKeyValueStore.ToOutcome(outcome, request);
    }

    private async Task<StoreOutcome> CommitInOrderAsync(IKeyValueStore store, StoreTransaction transaction, ImmutableArray<Entry> entries,
        CancellationToken ct)
    {
        var owner = new object();
        try
        {
            var before = await engine.WriteAsync(batch =>
            {
                var replaced = entries.Select(e => batch.State.Log.Find(e.Key)).ToImmutableArray();
                Write(batch, entries, owner);
                return replaced;
            }, ct);
            return await CommitOrTakeBackAsync(store, transaction, entries, before, owner, ct);
        }
        finally
        {
            Settle(entries, owner);
        }
    }

    private async Task<StoreOutcome> CommitOrTakeBackAsync(IKeyValueStore store, StoreTransaction transaction,
        ImmutableArray<Entry> entries,
        ImmutableArray<LogEntry?> before, object owner, CancellationToken ct)
    {
        StoreOutcome outcome;
        try
        {
            outcome = await store.CommitAsync(transaction, ct);
        }
        catch (CalicoException error) when (error.Problem != Problem.Unavailable)
        {
            // The store said no: nothing is in doubt. (Not so when it was silent, or when the token fired.)
            await TakeBackAsync(entries, before, owner);
            throw;
        }

        if (!outcome.Succeeded)
        {
            await TakeBackAsync(entries, before, owner);
        }

        return outcome;
    }

    /// <summary>Puts back what was there, except where somebody has written since. Never cancelled: the store has already decided.
    /// </summary>
    private Task<int> TakeBackAsync(ImmutableArray<Entry> entries, ImmutableArray<LogEntry?> before,
        object owner) => engine.WriteAsync(batch =>
    {
        lock (_guard)
        {
            for (var i = 0; i < entries.Length; i++)
            {
                if (_pending.GetValueOrDefault(entries[i].Name) == owner)
                {
                    batch.WriteLog(entries[i].Key, before[i]);
                }
            }
        }

        return 0;
    }, CancellationToken.None);

    private void Settle(ImmutableArray<Entry> entries, object owner)
    {
        lock (_guard)
        {
            foreach (var entry in entries.Where(e => _pending.GetValueOrDefault(e.Name) == owner))
            {
                _pending.Remove(entry.Name);
            }
        }
    }

    /// <summary>Runs on the engine's writer, so that the order here is that of the log.</summary>
    /// <param name="batch">What is being written.</param>
    /// <param name="entries">What to write.</param>
    /// <param name="owner">The transaction that may take it back; null: nobody does.</param>
    private int Write(WriteBatch batch, ImmutableArray<Entry> entries, object? owner)
    {
        lock (_guard)
        {
            foreach (var (name, key, written) in entries)
            {
                batch.WriteLog(key, written);
                if (owner is null)
                {
                    _pending.Remove(name);
                }
                else
                {
                    _pending[name] = owner;
                }
            }
        }

        return entries.Length;
    }

    // Copied before they are queued: the caller may use its buffer again.
    private static ImmutableArray<Entry> ToEntries(ImmutableArray<NodeLogWrite> writes) =>
        [.. writes.Select(w => w.Key.Length == 0
            ? throw new CalicoException(Problem.Invalid, "node log: a key is empty", "key")
            : new Entry(w.Key, KeyText.Bytes(w.Key), w.Value is { } value ? new LogEntry(w.Key, value.ToArray()) : null))];

    private readonly record struct Entry(string Name, byte[] Key, LogEntry? Written);
}
