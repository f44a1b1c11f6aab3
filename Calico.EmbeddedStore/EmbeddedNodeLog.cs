using System.Collections.Immutable;
using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;

namespace Calico.EmbeddedStore;

/// <summary>The engine's node log.</summary>
internal sealed class EmbeddedNodeLog(EmbeddedEngine engine) : INodeLog
{
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
            await engine.WriteAsync(batch => Write(batch, entries), ct);
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
                Write(batch, entries);
            }

            return done;
        }, ct);
        return EmbeddedKeyValueStore.ToOutcome(outcome, request);
    }

    private async Task<StoreOutcome> CommitInOrderAsync(IKeyValueStore store, StoreTransaction transaction, ImmutableArray<Entry> entries,
        CancellationToken ct)
    {
        var before = await engine.WriteAsync(batch =>
        {
            var replaced = entries.Select(e => batch.State.Log.Find(e.Key)).ToImmutableArray();
            Write(batch, entries);
            return replaced;
        }, ct);

        StoreOutcome outcome;
        try
        {
            outcome = await store.CommitAsync(transaction, ct);
        }
        catch (CalicoException error) when (error.Problem != Problem.Unavailable)
        {
            // The store said no: nothing is in doubt. (Not so when it was silent, or when the token fired.)
            await TakeBackAsync(entries, before);
            throw;
        }

        if (!outcome.Succeeded)
        {
            await TakeBackAsync(entries, before);
        }

        return outcome;
    }

    /// <summary>Puts back what was there, except where somebody has written since. Never cancelled: the store has already decided.</summary>
    private Task<int> TakeBackAsync(ImmutableArray<Entry> entries, ImmutableArray<LogEntry?> before) => engine.WriteAsync(batch =>
    {
        for (var i = 0; i < entries.Length; i++)
        {
            if (ReferenceEquals(batch.State.Log.Find(entries[i].Key), entries[i].Written))
            {
                batch.WriteLog(entries[i].Key, before[i]);
            }
        }

        return 0;
    }, CancellationToken.None);

    private static int Write(WriteBatch batch, ImmutableArray<Entry> entries)
    {
        foreach (var (key, written) in entries)
        {
            batch.WriteLog(key, written);
        }

        return entries.Length;
    }

    // Copied before they are queued: the caller may use its buffer again.
    private static ImmutableArray<Entry> ToEntries(ImmutableArray<NodeLogWrite> writes) =>
        [.. writes.Select(w => w.Key.Length == 0
            ? throw new CalicoException(Problem.Invalid, "node log: a key is empty", "key")
            : new Entry(KeyText.Bytes(w.Key), w.Value is { } value ? new LogEntry(w.Key, value.ToArray()) : null))];

    private readonly record struct Entry(byte[] Key, LogEntry? Written);
}
