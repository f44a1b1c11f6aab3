using System.Collections.Immutable;
using Calico.Datastore.Store;
using Calico.TestKit.Store;

namespace Calico.UnitTests.Ipam;

/// <summary>What a host knows of the store from its watch: it answers from memory, whatever the store itself does.</summary>
internal sealed class FollowedStore(InMemoryStore store) : IKeyValueStore
{
    public Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) =>
        Task.FromResult(store.Snapshot(key).FirstOrDefault(k => k.Key == key));

    public Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct) =>
        Task.FromResult(new KeyRange(store.Snapshot(prefix), store.Revision));

    public Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct) => throw new NotSupportedException();

    public IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => throw new NotSupportedException();

    public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => throw new NotSupportedException();

    public Task RevokeLeaseAsync(long lease, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
