using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Datastore.Sync;

/// <summary>Follows the datastore: lists, then watches, and hands out what changed, decoded and in order.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>One watch over the prefixes' common start, filtered: with one watch for each, no revision could be called complete.</item>
/// <item>All prefixes are listed at one revision, the watch begins right behind it: no change is missed or seen twice.</item>
/// <item>After compaction, or when the store is another one than before, everything is listed again and compared with what was
/// handed out: what is gone is deleted, what is the same is not repeated.</item>
/// <item>A value that does not decode is an update with an error and without a value, logged when the key turns bad.</item>
/// </list>
/// A failing store is tried again for ever; <see cref="Health"/> tells how old the picture is. One run at a time; <see cref="Health"/>
/// may be read from any thread.
/// </remarks>
public sealed partial class Syncer
{
    /// <summary>What the dataplane needs: resources, and the blocks that become routes.</summary>
    public static readonly ImmutableArray<string> DefaultPrefixes = [ResourceKind.Root, IpamKeys.Assignments];

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(10);

    private readonly IKeyValueStore _store;
    private readonly ImmutableArray<string> _prefixes;
    private readonly string _common;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SyncPicture _picture;
    private int _watchFailures;
    private SyncHealth _health = new(SyncStatus.WaitForStore, 0, null, 0, null, 0);

    /// <param name="store">Where from.</param>
    /// <param name="decoder">Knows the kinds.</param>
    /// <param name="prefixes">What of it; each ends with a slash.</param>
    /// <param name="time">For waits and for when the store was last heard.</param>
    /// <param name="logger">Gets one line per key that turns bad.</param>
    public Syncer(IKeyValueStore store, IResourceDecoder decoder, ImmutableArray<string> prefixes, TimeProvider time, ILogger logger)
    {
        ArgumentOutOfRangeException.ThrowIfZero(prefixes.Length);
        (_store, _prefixes, _time, _logger) = (store, prefixes, time, logger);
        _common = Common(prefixes);
        _picture = new SyncPicture(decoder, (key, error) => Log.Undecodable(logger, key, error));
    }

    /// <summary>How current the last batch is.</summary>
    public SyncHealth Health => Volatile.Read(ref _health);

    /// <summary>Batches for ever, until the token fires. The first has status <see cref="SyncStatus.WaitForStore"/> and nothing in it.</summary>
    /// <remarks>The list comes as <see cref="SyncStatus.Resync"/> and is followed by an empty <see cref="SyncStatus.InSync"/>. Once in sync
    /// the status stays so: a later list is the difference to what was there, in one batch. Batches without updates only
    /// say that the revision is complete.</remarks>
    public async IAsyncEnumerable<SyncBatch> RunAsync([EnumeratorCancellation] CancellationToken ct)
    {
        _picture.Clear();
        Publish(new SyncHealth(SyncStatus.WaitForStore, 0, null, 0, null, 0));
        yield return new SyncBatch(SyncStatus.WaitForStore, 0, []);
        while (true)
        {
            var (listed, revision) = await ListUntilItWorksAsync(ct);
            var updates = _picture.Replace(listed);
            if (Health.Status == SyncStatus.InSync)
            {
                Log.ListedAgain(_logger, revision, updates.Length);
            }
            else
            {
                Confirm(SyncStatus.Resync, revision);
                yield return new SyncBatch(SyncStatus.Resync, revision, updates);
                updates = [];
            }

            Confirm(SyncStatus.InSync, revision);
            yield return new SyncBatch(SyncStatus.InSync, revision, updates);

            await using var watch = _store.WatchAsync(_common, revision + 1, ct).GetAsyncEnumerator(ct);
            while (await NextAsync(watch, ct) is { } batch)
            {
                _watchFailures = 0;
                updates = _picture.Apply(batch.Events.Where(e => IsOurs(e.Key)));
                Confirm(SyncStatus.InSync, Math.Max(batch.Revision, Health.Revision));
                yield return new SyncBatch(SyncStatus.InSync, Health.Revision, updates);
            }
        }
    }

    private async Task<(List<KeyValue> Items, long Revision)> ListUntilItWorksAsync(CancellationToken ct)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                return await ListAsync(ct);
            }
            catch (CalicoException error)
            {
                // Whatever it is (silence, no permission, a revision compacted between two prefixes), only time can mend it from here.
                await WaitAsync(failures, error, ct);
            }
        }
    }

    private async Task<(List<KeyValue> Items, long Revision)> ListAsync(CancellationToken ct)
    {
        var items = new List<KeyValue>();
        var revision = 0L;
        foreach (var prefix in _prefixes)
        {
            var range = await _store.ListAsync(prefix, revision, ct);
            items.AddRange(range.Items);
            revision = range.Revision;
        }

        return (items, revision);
    }

    /// <summary>The next batch of the watch; null: it is of no use any more, list again.</summary>
    private async Task<WatchBatch?> NextAsync(IAsyncEnumerator<WatchBatch> watch, CancellationToken ct)
    {
        try
        {
            if (await watch.MoveNextAsync())
            {
                return watch.Current;
            }

            ct.ThrowIfCancellationRequested();
            await WaitAsync(_watchFailures++, new CalicoException(Problem.Unavailable, "the watch ended by itself"), ct);
        }
        catch (CompactedException)
        {
            Log.Compacted(_logger, Health.Revision);
        }
        catch (CalicoException error)
        {
            await WaitAsync(_watchFailures++, error, ct);
        }

        return null;
    }

    private async Task WaitAsync(int failures, CalicoException error, CancellationToken ct)
    {
        var health = Health;
        Publish(health with { Failures = health.Failures + 1, LastError = error.Message });
        var longest = Math.Min(LongestDelay.TotalMilliseconds, FirstDelay.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 16)));
        var delay = TimeSpan.FromMilliseconds(longest * (0.5 + (Random.Shared.NextDouble() / 2)));
        Log.Failed(_logger, health.Status, health.Revision, error.Message, delay.TotalMilliseconds);
        await Task.Delay(delay, _time, ct);
    }

    private void Confirm(SyncStatus status, long revision) =>
        Publish(new SyncHealth(status, revision, _time.GetUtcNow(), 0, null, _picture.Undecodable));

    private void Publish(SyncHealth health) => Volatile.Write(ref _health, health);

    private bool IsOurs(string key) => _prefixes.Any(p => key.StartsWith(p, StringComparison.Ordinal));

    private static string Common(ImmutableArray<string> prefixes)
    {
        var (first, length) = (prefixes[0], prefixes[0].Length);
        foreach (var prefix in prefixes)
        {
            length = Math.Min(length, first.AsSpan().CommonPrefixLength(prefix));
        }

        return first[..length];
    }

    private static partial class Log
    {
        [LoggerMessage(2010, LogLevel.Warning,
            "The datastore does not answer ({Status}, revision {Revision}): {Reason}; again in {DelayMilliseconds:F0} ms")]
        public static partial void Failed(ILogger logger, SyncStatus status, long revision, string reason, double delayMilliseconds);

        [LoggerMessage(2011, LogLevel.Information, "Revision {Revision} is compacted away: listing the datastore again")]
        public static partial void Compacted(ILogger logger, long revision);

        [LoggerMessage(2012, LogLevel.Information, "The datastore is listed again at revision {Revision}: {Changes} changes")]
        public static partial void ListedAgain(ILogger logger, long revision, int changes);

        [LoggerMessage(2013, LogLevel.Error, "The value of {Key} cannot be used: {Reason}")]
        public static partial void Undecodable(ILogger logger, string key, string reason);
    }
}
