using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
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

    /// <summary>What is decoded and handed out of the first list at once. Few, because all of it is alive together: a collection of the
    /// youngest generation would carry on what a moment later is garbage.</summary>
    private const int BatchSize = 100;

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

    /// <summary>Batches for ever, until the token fires. The first has status <see cref="SyncStatus.WaitForStore"/> and nothing in it.
    /// </summary>
    /// <remarks>The list comes as <see cref="SyncStatus.Resync"/>, in as many batches as it takes not to hold it whole, and is
    /// followed by an empty <see cref="SyncStatus.InSync"/>. Once in sync the status stays so: a later list is the difference to what was
    /// there, in one batch. Batches without updates only say that the revision is complete.</remarks>
    public async IAsyncEnumerable<SyncBatch> RunAsync([EnumeratorCancellation] CancellationToken ct)
    {
        _picture.Clear();
        Publish(new SyncHealth(SyncStatus.WaitForStore, 0, null, 0, null, 0));
        yield return new SyncBatch(SyncStatus.WaitForStore, 0, []);
        while (true)
        {
            var updates = ImmutableArray.CreateBuilder<SyncUpdate>();
            var (isWhole, revision) = (false, 0L);
            await foreach (var page in ListUntilItWorksAsync(updates, ct))
            {
                (isWhole, revision) = page;
                if (Health.Status != SyncStatus.InSync && (isWhole || updates.Count >= BatchSize))
                {
                    Confirm(SyncStatus.Resync, revision);
                    yield return new SyncBatch(SyncStatus.Resync, revision, updates.ToImmutable());
                    updates.Clear();
                }
            }

            if (Health.Status == SyncStatus.InSync)
            {
                Log.ListedAgain(_logger, revision, updates.Count);
            }

            Confirm(SyncStatus.InSync, revision);
            yield return new SyncBatch(SyncStatus.InSync, revision, updates.ToImmutable());

            await using var watch = _store.WatchAsync(_common, revision + 1, ct).GetAsyncEnumerator(ct);
            while (await NextAsync(watch, ct) is { } batch)
            {
                _watchFailures = 0;
                var changes = _picture.Apply(batch.Events.Where(e => IsOurs(e.Key)));
                Confirm(SyncStatus.InSync, Math.Max(batch.Revision, Health.Revision));
                yield return new SyncBatch(SyncStatus.InSync, Health.Revision, changes);
            }
        }
    }

    /// <summary>Reads a list to its end, from its beginning again when it fails, and adds to the updates how it differs from what was
    /// handed out.</summary>
    /// <returns>A word after each portion; the last one says that the list is whole.</returns>
    private async IAsyncEnumerable<(bool IsWhole, long Revision)> ListUntilItWorksAsync(ImmutableArray<SyncUpdate>.Builder updates,
        [EnumeratorCancellation] CancellationToken ct)
    {
        var handedOut = Health.Status == SyncStatus.InSync;
        for (var failures = 0; ; failures++)
        {
            _picture.BeginList();
            var (revision, before) = (0L, updates.Count);
            await using var pages = PagesAsync(ct).GetAsyncEnumerator(ct);
            CalicoException? failure = null;
            while (failure is null)
            {
                try
                {
                    if (!await pages.MoveNextAsync())
                    {
                        break;
                    }
                }
                catch (CalicoException error)
                {
                    failure = error;
                    continue;
                }

                revision = pages.Current.Revision;
                var items = pages.Current.Items;
                for (var first = 0; first < items.Length; first += BatchSize)
                {
                    _picture.Take(items.AsSpan(first, Math.Min(BatchSize, items.Length - first)), updates);
                    var waiting = updates.Count;
                    yield return (false, revision);
                    handedOut |= updates.Count < waiting;
                }
            }

            if (failure is null)
            {
                // Behind what a failed try has left, which may be of the same resource, and before what this one found.
                updates.InsertRange(Math.Min(before, updates.Count), _picture.EndList());
                yield return (true, revision);
                yield break;
            }

            if (!handedOut)
            {
                // Nobody was told anything of this list: it counts as not begun.
                _picture.Clear();
                updates.Clear();
            }

            // Whatever it is (silence, no permission, a revision compacted between two prefixes), only time can mend it from here.
            await WaitAsync(failures, failure, ct);
        }
    }

    private async IAsyncEnumerable<KeyRange> PagesAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var revision = 0L;
        foreach (var prefix in _prefixes)
        {
            await foreach (var page in _store.PagesAsync(prefix, revision, ct))
            {
                revision = page.Revision;
                yield return page;
            }
        }
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
        Publish(new SyncHealth(status, revision, _time.GetUtcNow(), 0, null,
            _picture.Undecodable) { ConfirmedTimestamp = _time.GetTimestamp() });

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
