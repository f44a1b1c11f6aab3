using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Calico.Datastore.Store;

namespace Calico.UnitTests.Sync;

/// <summary>A store whose every answer the test writes: lists in order, then what the watch does.</summary>
internal sealed class ScriptedStore : IKeyValueStore
{
    private readonly Queue<Func<string, long, KeyRange>> _lists = new();
    private readonly Channel<Func<WatchBatch>> _watch = Channel.CreateUnbounded<Func<WatchBatch>>();

    private (long Revision, KeyValue[] Items, Exception Failure, int FailsAfter)? _pages;

    /// <summary>Every call made, e.g. <c>list /a/ at 0</c>, <c>watch / from 8</c>.</summary>
    public List<string> Calls { get; } = [];

    public ScriptedStore List(long revision, params KeyValue[] items)
    {
        _lists.Enqueue((prefix, at) => new KeyRange([.. items.Where(i => i.Key.StartsWith(prefix, StringComparison.Ordinal))],
            at == 0 ? revision : at));
        return this;
    }

    /// <summary>The next list of a prefix: pages of 500, and a failure in place of the one that begins behind so many items.</summary>
    public ScriptedStore Pages(long revision, KeyValue[] items, Exception failure, int failsAfter)
    {
        _pages = (revision, items, failure, failsAfter);
        return this;
    }

    public async IAsyncEnumerable<KeyRange> PagesAsync(string prefix, long revision, [EnumeratorCancellation] CancellationToken ct)
    {
        if (_pages is not { } script)
        {
            yield return await ListAsync(prefix, revision, ct);
            yield break;
        }

        _pages = null;
        Calls.Add($"list {prefix} at {revision}");
        foreach (var page in script.Items.Take(script.FailsAfter).Chunk(500))
        {
            yield return new([.. page], script.Revision);
        }

        throw script.Failure;
    }

    public ScriptedStore ListFails(Exception error)
    {
        _lists.Enqueue((_, _) => throw error);
        return this;
    }

    public void Event(long revision, params WatchEvent[] events) => _watch.Writer.TryWrite(() => new WatchBatch(revision, [.. events]));

    public void WatchFails(Exception error) => _watch.Writer.TryWrite(() => throw error);

    public static KeyValue Item(string key, string value, long revision) =>
        new(key, Encoding.UTF8.GetBytes(value), revision, revision, 1);

    public static WatchEvent Put(string key, string value, long revision) => new(key, Item(key, value, revision), null);

    public static WatchEvent Delete(string key) => new(key, null, null);

    public Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct)
    {
        Calls.Add($"list {prefix} at {revision}");
        try
        {
            return Task.FromResult(_lists.Dequeue()(prefix, revision));
        }
        catch (Exception error)
        {
            return Task.FromException<KeyRange>(error);
        }
    }

    public async IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        Calls.Add($"watch {prefix} from {fromRevision}");
        await foreach (var next in _watch.Reader.ReadAllAsync(ct))
        {
            yield return next();
        }
    }

    public Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) => throw new NotSupportedException();

    public Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct) => throw new NotSupportedException();

    public Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => throw new NotSupportedException();

    public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => throw new NotSupportedException();

    public Task RevokeLeaseAsync(long lease, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
