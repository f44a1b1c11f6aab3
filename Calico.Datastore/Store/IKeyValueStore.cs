using System.Runtime.CompilerServices;

namespace Calico.Datastore.Store;

/// <summary>etcd's model and nothing more: revisions, transactions with comparisons, lists by prefix, watches, leases.</summary>
/// <remarks>
/// Safe to call concurrently. Errors are <see cref="CalicoException"/>: <see cref="Problem.Unavailable"/> the store did not answer
/// (of a write it is then unknown whether it took), <see cref="Problem.Invalid"/> a request that no store takes,
/// <see cref="CompactedException"/> as its inner exception where a revision is gone. The token's owner sets the time limit.
/// One conformance suite (TestKit, <c>KeyValueStoreConformance</c>) is what every implementation passes.
/// </remarks>
public interface IKeyValueStore : IAsyncDisposable
{
    /// <summary>The key, or null.</summary>
    /// <param name="key">The key.</param>
    /// <param name="revision">State as of that revision; 0: now.</param>
    /// <param name="ct">Cancels.</param>
    Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct);

    /// <summary>All keys that start with a prefix, at one revision, however many there are.</summary>
    Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct);

    /// <summary>As <see cref="ListAsync"/>, in portions and key order, so that nobody has to hold all values at once. All are of the first
    /// one's revision; there is always one, without items when there are no keys.</summary>
    /// <exception cref="CompactedException">The revision is gone before the end. Inside the enumerator's <see cref="CalicoException"/>.
    /// </exception>
    async IAsyncEnumerable<KeyRange> PagesAsync(string prefix, long revision, [EnumeratorCancellation] CancellationToken ct)
    {
        yield return await ListAsync(prefix, revision, ct);
    }

    /// <summary>Does a transaction; durable when it returns.</summary>
    Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct);

    /// <summary>Every change of keys under a prefix, from <paramref name="fromRevision"/> (included) on, each exactly once and in
    /// order, over reconnects.</summary>
    /// <exception cref="CompactedException">The revision is gone: list again. Thrown by the enumerator.</exception>
    IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct);

    /// <summary>A lease; keys put with it vanish when it is not kept alive.</summary>
    Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct);

    /// <summary>Keeps a lease alive once.</summary>
    /// <returns>False: the lease is gone.</returns>
    Task<bool> KeepAliveAsync(long lease, CancellationToken ct);

    /// <summary>Ends a lease and deletes its keys. An unknown lease is success.</summary>
    Task RevokeLeaseAsync(long lease, CancellationToken ct);
}
