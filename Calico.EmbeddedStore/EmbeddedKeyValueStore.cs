using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;

namespace Calico.EmbeddedStore;

/// <summary>The engine as Calico's store: text keys over the engine's bytes.</summary>
internal sealed class EmbeddedKeyValueStore(EmbeddedEngine engine) : IKeyValueStore
{
    private const int PageKeys = 100;

    public Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) => Now(() =>
        engine.Read(new RangeQuery(KeyInterval.Single(Bytes(key)), revision), out _).Versions is [var found] ? ToKeyValue(found)
            : null, ct);

    public Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct) => Now(() =>
    {
        var result = engine.Read(new RangeQuery(KeyInterval.Prefix(KeyText.Bytes(prefix)), revision), out var now);
        return new KeyRange([.. result.Versions.Select(ToKeyValue)], revision <= 0 ? now : revision);
    }, ct);

    public async IAsyncEnumerable<KeyRange> PagesAsync(string prefix, long revision, [EnumeratorCancellation] CancellationToken ct)
    {
        // The versions are the tree's own; only a portion at a time becomes what the caller sees.
        var result = engine.Read(new RangeQuery(KeyInterval.Prefix(KeyText.Bytes(prefix)), revision), out var now);
        var at = revision <= 0 ? now : revision;
        for (var first = 0; first == 0 || first < result.Versions.Count; first += PageKeys)
        {
            ct.ThrowIfCancellationRequested();
            yield return new KeyRange([.. result.Versions.Skip(first).Take(PageKeys).Select(ToKeyValue)], at);
        }

        await Task.CompletedTask;
    }

    public async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        var request = ToEngine(transaction);
        return ToOutcome(await engine.CommitAsync(request, ct), request);
    }

    public async IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var (revision, changes) in engine.WatchAsync(KeyInterval.Prefix(KeyText.Bytes(prefix)), fromRevision, ct))
        {
            yield return new WatchBatch(revision, [.. changes.Select(ToEvent)]);
        }
    }

    public async Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) =>
        (await engine.GrantLeaseAsync(0, (long)Math.Ceiling(timeToLive.TotalSeconds), ct)).Id;

    public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => Now(() => engine.Clock.KeepAlive(lease) > 0, ct);

    public Task RevokeLeaseAsync(long lease, CancellationToken ct) => engine.RevokeLeaseAsync(lease, ct);

    /// <summary>The engine is not ours to close.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    internal static EngineTransaction ToEngine(StoreTransaction transaction) => new(
        [.. transaction.Compares.Select(c => new EngineCompare(KeyInterval.Single(Bytes(c.Key)), c.Target, c.Result, c.Number, c.Value))],
        [.. transaction.Success.Select(ToEngine)],
        [.. transaction.Failure.Select(ToEngine)]);

    internal static StoreOutcome ToOutcome(EngineOutcome outcome, EngineTransaction request)
    {
        var operations = outcome.Succeeded ? request.Success : request.Failure;
        return new StoreOutcome(outcome.Succeeded, outcome.Revision, [.. outcome.Results.Select((result, i) =>
            operations[i] is EngineOperation.Put ? [] : result.Versions.Select(ToKeyValue).ToImmutableArray())]);
    }

    /// <summary>What is answered from memory, with its failure in the task, as of every other store.</summary>
    private static Task<T> Now<T>(Func<T> read, CancellationToken ct)
    {
        try
        {
            return ct.IsCancellationRequested ? Task.FromCanceled<T>(ct) : Task.FromResult(read());
        }
        catch (CalicoException error)
        {
            return Task.FromException<T>(error);
        }
    }

    private static EngineOperation ToEngine(StoreOperation operation) => operation switch
    {
        StoreOperation.Put put => new EngineOperation.Put(Bytes(put.Key), put.Value.ToArray(), put.Lease),
        StoreOperation.Delete delete => new EngineOperation.Delete(KeyInterval.Single(Bytes(delete.Key))),
        StoreOperation.DeletePrefix delete => new EngineOperation.Delete(KeyInterval.Prefix(KeyText.Bytes(delete.Prefix))),
        StoreOperation.Get get => new EngineOperation.Range(new RangeQuery(KeyInterval.Single(Bytes(get.Key)))),
        _ => throw new CalicoException(Problem.Invalid, $"transaction: no such operation: {operation.GetType().Name}"),
    };

    private static byte[] Bytes(string key) => key.Length > 0
        ? KeyText.Bytes(key)
        : throw new CalicoException(Problem.Invalid, "a key is empty", "key");

    private static WatchEvent ToEvent(KeyVersion version)
    {
        var previous = version.Previous is { IsDeletion: false } old ? ToKeyValue(old) : null;
        return new WatchEvent(KeyText.Text(version.Key), version.IsDeletion ? null : ToKeyValue(version), previous);
    }

    private static KeyValue ToKeyValue(KeyVersion version) => new(KeyText.Text(version.Key), version.Value, version.CreateRevision,
        version.ModRevision, version.Version, version.Lease);
}
