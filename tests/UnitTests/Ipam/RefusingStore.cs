using Calico.Datastore.Store;

namespace Calico.UnitTests.Ipam;

/// <summary>A store that answers reads and takes no writes, as an etcd that is full.</summary>
internal sealed class RefusingStore(IKeyValueStore inner) : IKeyValueStore
{
    public bool IsFull { get; set; }

    public int Refused { get; private set; }

    public Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        if (!IsFull || !transaction.Success.Any(o => o is not StoreOperation.Get))
        {
            return inner.CommitAsync(transaction, ct);
        }

        Refused++;
        throw new CalicoException(Problem.Unavailable, "transaction: database space exceeded (alarm NOSPACE)", inner: new StoreRefusedException(new InvalidOperationException("full")));
    }

    public Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) => inner.GetAsync(key, revision, ct);

    public Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct) => inner.ListAsync(prefix, revision, ct);

    public IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => inner.WatchAsync(prefix, fromRevision, ct);

    public Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => inner.GrantLeaseAsync(timeToLive, ct);

    public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => inner.KeepAliveAsync(lease, ct);

    public Task RevokeLeaseAsync(long lease, CancellationToken ct) => inner.RevokeLeaseAsync(lease, ct);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
