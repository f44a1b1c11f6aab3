using Calico.Datastore.Store;

namespace Calico.UnitTests.Ipam;

/// <summary>A store whose network holds one transaction back and delivers it long after the caller gave up.</summary>
internal sealed class LateStore(IKeyValueStore inner) : IKeyValueStore
{
    private StoreTransaction? _held;

    public bool HoldNext { get; set; }

    public Task<StoreOutcome> DeliverAsync() => inner.CommitAsync(_held!, CancellationToken.None);

    public async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        if (!HoldNext)
        {
            return await inner.CommitAsync(transaction, ct);
        }

        HoldNext = false;
        _held = transaction;
        await Task.Delay(Timeout.InfiniteTimeSpan, ct);
        throw new InvalidOperationException("not reached");
    }

    public Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) => inner.GetAsync(key, revision, ct);

    public Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct) => inner.ListAsync(prefix, revision, ct);

    public IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => inner.WatchAsync(prefix, fromRevision, ct);

    public Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => inner.GrantLeaseAsync(timeToLive, ct);

    public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => inner.KeepAliveAsync(lease, ct);

    public Task RevokeLeaseAsync(long lease, CancellationToken ct) => inner.RevokeLeaseAsync(lease, ct);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
