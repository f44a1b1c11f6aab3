using Calico.Datastore.Store;

namespace Calico.TestKit.Store;

/// <summary>Passes everything on to another store; what a test wants otherwise it overrides.</summary>
public abstract class ForwardingStore(IKeyValueStore inner) : IKeyValueStore
{
    public virtual Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct) => inner.CommitAsync(transaction, ct);

    public virtual Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) => inner.GetAsync(key, revision, ct);

    public virtual Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct) => inner.ListAsync(prefix, revision, ct);

    public virtual IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) =>
        inner.WatchAsync(prefix, fromRevision, ct);

    public virtual Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => inner.GrantLeaseAsync(timeToLive, ct);

    public virtual Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => inner.KeepAliveAsync(lease, ct);

    public virtual Task RevokeLeaseAsync(long lease, CancellationToken ct) => inner.RevokeLeaseAsync(lease, ct);

    /// <summary>Leaves the other store open: it is its maker's.</summary>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
