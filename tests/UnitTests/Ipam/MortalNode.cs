using System.Collections.Immutable;
using Calico.Datastore.Store;
using Calico.TestKit.Store;

namespace Calico.UnitTests.Ipam;

/// <summary>The store and the log as one process sees them: when it dies, nothing of it reaches either any more.</summary>
internal sealed class MortalNode(IKeyValueStore store, InMemoryNodeLog log) : IKeyValueStore, INodeLog
{
    private int _untilDeath = -1;
    private bool _diesAfterDoing;

    public bool IsDead { get; private set; }

    /// <summary>It dies at its <paramref name="nth"/> commit from now on, before or after the store has done it.</summary>
    public void DieAt(int nth, bool afterDoing) => (_untilDeath, _diesAfterDoing) = (nth, afterDoing);

    public void Die() => IsDead = true;

    public async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        Refuse();
        if (--_untilDeath == 0)
        {
            if (_diesAfterDoing)
            {
                await store.CommitAsync(transaction, ct);
            }

            IsDead = true;
        }

        Refuse();
        var outcome = await store.CommitAsync(transaction, ct);
        Refuse();
        return outcome;
    }

    public async Task CommitAsync(ImmutableArray<NodeLogWrite> writes, CancellationToken ct)
    {
        Refuse();
        await log.CommitAsync(writes, ct);
        Refuse();
    }

    public async Task<StoreOutcome> CommitAsync(IKeyValueStore other, StoreTransaction transaction, ImmutableArray<NodeLogWrite> writes,
        CancellationToken ct)
    {
        Refuse();

        // The log calls this object's CommitAsync for the store, so death falls between the two.
        var outcome = await log.CommitAsync(other, transaction, writes, ct);
        Refuse();
        return outcome;
    }

    public ReadOnlyMemory<byte>? Get(string key) => log.Get(key);

    public ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>> List(string prefix) => log.List(prefix);

    public Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) => Alive().GetAsync(key, revision, ct);

    public Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct) => Alive().ListAsync(prefix, revision, ct);

    public IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) =>
        Alive().WatchAsync(prefix, fromRevision, ct);

    public Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => Alive().GrantLeaseAsync(timeToLive, ct);

    public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => Alive().KeepAliveAsync(lease, ct);

    public Task RevokeLeaseAsync(long lease, CancellationToken ct) => Alive().RevokeLeaseAsync(lease, ct);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private IKeyValueStore Alive()
    {
        Refuse();
        return store;
    }

    private void Refuse()
    {
        if (IsDead)
        {
            throw new CalicoException(Problem.Unavailable, "this process is dead");
        }
    }
}
