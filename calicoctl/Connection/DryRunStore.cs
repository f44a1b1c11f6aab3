using System.Collections.Immutable;
using Calico.Datastore.Store;

namespace Calico.Cli.Connection;

/// <summary>A store of which reads are true and writes are only remembered: later reads and comparisons see them, the store never
/// does. So a dry run goes through every check that the real run goes through.</summary>
/// <remarks>One caller at a time, as a command is. What others write meanwhile is seen where this run wrote nothing.</remarks>
internal sealed class DryRunStore(IKeyValueStore store) : IKeyValueStore
{
    private readonly SortedDictionary<string, KeyValue?> _written = new(StringComparer.Ordinal);
    private readonly Dictionary<string, KeyValue?> _before = new(StringComparer.Ordinal);
    private long _revision;

    /// <summary>Keys that would be other than they are, with the values before and after; null: not there.</summary>
    internal IEnumerable<(string Key, KeyValue? Before, KeyValue? After)> Changes => _written
        .Select(pair => (pair.Key, Before: _before[pair.Key], After: pair.Value))
        .Where(change => change.Before is null != change.After is null
            || (change is { Before: { } old, After: { } now } && !old.Value.Span.SequenceEqual(now.Value.Span)));

    public async Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) =>
        revision == 0 && _written.TryGetValue(key, out var written) ? written : await store.GetAsync(key, revision, ct);

    public async Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct)
    {
        var range = await store.ListAsync(prefix, revision, ct);
        if (revision != 0)
        {
            return range;
        }

        _revision = Math.Max(_revision, range.Revision);
        var added = _written.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(pair => pair.Value)
            .OfType<KeyValue>();
        // Ordinal order is byte order for the ASCII that keys are.
        return new([.. range.Items.Where(item => !_written.ContainsKey(item.Key)).Concat(added)
            .OrderBy(item => item.Key, StringComparer.Ordinal)], _revision);
    }

    public async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        var holds = true;
        foreach (var compare in transaction.Compares)
        {
            holds = holds && Holds(compare, await GetAsync(compare.Key, 0, ct));
        }

        _revision++;
        var results = ImmutableArray.CreateBuilder<ImmutableArray<KeyValue>>();
        foreach (var operation in holds ? transaction.Success : transaction.Failure)
        {
            results.Add(await DoAsync(operation, ct));
        }

        return new(holds, _revision, results.ToImmutable());
    }

    public IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) =>
        store.WatchAsync(prefix, fromRevision, ct);

    public Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => throw NoLease();

    public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => throw NoLease();

    public Task RevokeLeaseAsync(long lease, CancellationToken ct) => throw NoLease();

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private static CalicoException NoLease() => new(Problem.Unsupported, "a dry run takes no lease");

    private async Task<ImmutableArray<KeyValue>> DoAsync(StoreOperation operation, CancellationToken ct)
    {
        switch (operation)
        {
            case StoreOperation.Put put:
                var old = await GetAsync(put.Key, 0, ct);
                await WriteAsync(put.Key,
                    new(put.Key, put.Value, old?.CreateRevision ?? _revision, _revision, (old?.Version ?? 0) + 1, put.Lease), ct);
                return [];
            case StoreOperation.Delete delete:
                return await DeleteAsync([await GetAsync(delete.Key, 0, ct)], ct);
            case StoreOperation.DeletePrefix delete:
                return await DeleteAsync([.. (await ListAsync(delete.Prefix, 0, ct)).Items], ct);
            case StoreOperation.Get get:
                return await GetAsync(get.Key, 0, ct) is { } found ? [found] : [];
            default:
                throw new CalicoException(Problem.Invalid, $"no such operation: {operation.GetType().Name}");
        }
    }

    private async Task<ImmutableArray<KeyValue>> DeleteAsync(ImmutableArray<KeyValue?> found, CancellationToken ct)
    {
        foreach (var item in found.OfType<KeyValue>())
        {
            await WriteAsync(item.Key, null, ct);
        }

        return [.. found.OfType<KeyValue>()];
    }

    private async Task WriteAsync(string key, KeyValue? value, CancellationToken ct)
    {
        if (!_before.ContainsKey(key))
        {
            _before[key] = await store.GetAsync(key, 0, ct);
        }

        _written[key] = value;
    }

    private static bool Holds(StoreCompare compare, KeyValue? item)
    {
        if (compare.Target == CompareTarget.Value)
        {
            return item is not null && Holds(compare.Result, item.Value.Span.SequenceCompareTo(compare.Value.Span));
        }

        var number = compare.Target switch
        {
            CompareTarget.Version => item?.Version,
            CompareTarget.CreateRevision => item?.CreateRevision,
            CompareTarget.ModRevision => item?.ModRevision,
            _ => item?.Lease,
        };
        return Holds(compare.Result, (number ?? 0).CompareTo(compare.Number));
    }

    private static bool Holds(CompareResult wanted, int sign) => wanted switch
    {
        CompareResult.Equal => sign == 0,
        CompareResult.Greater => sign > 0,
        CompareResult.Less => sign < 0,
        _ => sign != 0,
    };
}
