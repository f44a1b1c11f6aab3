using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.TestKit;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;
using static Calico.UnitTests.Sync.ScriptedStore;

namespace Calico.UnitTests.Sync;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SyncerTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
    private readonly ScriptedStore _store = new();
    private readonly LineLogger _log = new();
    private readonly CancellationTokenSource _stop = new(TimeSpan.FromSeconds(20));
    private readonly Syncer _syncer;
    private readonly IAsyncEnumerator<SyncBatch> _batches;

    public SyncerTests()
    {
        _syncer = new Syncer(_store, new TextDecoder(), ["/c/r/", "/c/b/"], _time, _log);
        _batches = _syncer.RunAsync(_stop.Token).GetAsyncEnumerator(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _batches.DisposeAsync();
        _stop.Dispose();
    }

    [Test]
    public async Task Lists_every_prefix_at_one_revision_then_watches_behind_it()
    {
        _store.List(7, Item("/c/r/a", "1", 3)).List(9, Item("/c/b/x", "2", 4));
        Assert.That(await NextAsync(), Is.EqualTo("WaitForStore 0"));
        Assert.That(await NextAsync(), Is.EqualTo("Resync 7: NetworkSet(a)=1 NetworkSet(x)=2"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 7"));
        _store.Event(8, Put("/c/r/a", "3", 8), Delete("/c/b/x"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 8: NetworkSet(a)=3 NetworkSet(x) gone"));
        Assert.That(_store.Calls, Is.EqualTo(["list /c/r/ at 0", "list /c/b/ at 7", "watch /c/ from 8"]));
    }

    [Test]
    public async Task Changes_of_other_keys_only_move_the_revision()
    {
        await SyncAsync(7);
        _store.Event(8, Put("/c/other", "1", 8));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 8"));
        _store.Event(9, Put("/c/r/skip", "1", 9), Delete("/c/r/never-seen"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 9"));
    }

    [Test]
    public async Task After_compaction_it_lists_again_and_hands_out_the_difference()
    {
        await SyncAsync(7, Item("/c/r/same", "1", 3), Item("/c/r/changed", "1", 4), Item("/c/r/gone", "1", 5),
            Item("/c/b/gone-too", "1", 6));
        _store.WatchFails(new CompactedException(20));
        _store.List(30, Item("/c/r/changed", "2", 25), Item("/c/r/new", "1", 26), Item("/c/r/same", "1", 3)).List(30);
        Assert.That(await NextAsync(),
            Is.EqualTo("InSync 30: NetworkSet(gone) gone NetworkSet(gone-too) gone NetworkSet(changed)=2 NetworkSet(new)=1"));
        _store.Event(31, Delete("/c/r/new"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 31: NetworkSet(new) gone"));
        Assert.That(_store.Calls[^1], Is.EqualTo("watch /c/ from 31"));
    }

    [Test]
    public async Task A_key_deleted_and_made_again_between_two_lists_is_a_change()
    {
        await SyncAsync(7, Item("/c/r/a", "old", 3));
        _store.WatchFails(new CompactedException(20));
        _store.List(30, Item("/c/r/a", "new", 28)).List(30);
        Assert.That(await NextAsync(), Is.EqualTo("InSync 30: NetworkSet(a)=new"));
    }

    [Test]
    public async Task A_store_that_went_back_in_time_is_compared_by_more_than_the_revision()
    {
        await SyncAsync(100, Item("/c/r/a", "1", 90), Item("/c/r/b", "1", 95));
        _store.WatchFails(new CompactedException(50));
        _store.List(50, Item("/c/r/a", "0", 40), new KeyValue("/c/r/b", "other"u8.ToArray(), 10, 95, 4)).List(50);
        Assert.That(await NextAsync(), Is.EqualTo("InSync 50: NetworkSet(a)=0 NetworkSet(b)=other"));
        Assert.That(_syncer.Health.Revision, Is.EqualTo(50));
    }

    [Test]
    public async Task A_value_that_does_not_decode_is_an_error_and_is_logged_once()
    {
        await SyncAsync(7, Item("/c/r/a", "bad", 3));
        _store.Event(8, Put("/c/r/a", "bad", 8));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 8: NetworkSet(a) error"));
        Assert.That(_syncer.Health.Undecodable, Is.EqualTo(1));
        _store.Event(9, Put("/c/r/a", "good", 9));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 9: NetworkSet(a)=good"));
        Assert.That(_syncer.Health.Undecodable, Is.Zero);
        _store.Event(10, Put("/c/r/a", "bad", 10), Put("/c/r/b", "bad", 10));
        _store.Event(11, Delete("/c/r/a"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 10: NetworkSet(a) error NetworkSet(b) error"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 11: NetworkSet(a) gone"));
        Assert.That(_log.Lines.Where(l => l.StartsWith("The value of", StringComparison.Ordinal)),
            Is.EqualTo(["The value of /c/r/a cannot be used: unreadable", "The value of /c/r/a cannot be used: unreadable",
                "The value of /c/r/b cannot be used: unreadable"]), "a, a again after it was good, and b");
    }

    [Test]
    public async Task A_resource_that_moves_to_another_key_does_not_vanish()
    {
        await SyncAsync(7, Item("/c/r/default.x", "1", 3));
        _store.Event(8, Put("/c/r/x", "1", 8), Delete("/c/r/default.x"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 8: NetworkSet(x)=1"));
        _store.Event(9, Delete("/c/r/x"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 9: NetworkSet(x) gone"));
    }

    [Test]
    public async Task It_waits_for_the_store_and_says_how_stale_it_is()
    {
        _store.ListFails(new CalicoException(Problem.Unavailable, "no answer")).List(7).List(7);
        Assert.That(await NextAsync(), Is.EqualTo("WaitForStore 0"));
        var next = NextAsync();
        await UntilAsync(() => _syncer.Health.Failures == 1);
        Assert.That(_syncer.Health, Is.EqualTo(new SyncHealth(SyncStatus.WaitForStore, 0, null, 1, "no answer", 0)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await next, Is.EqualTo("Resync 7"));
        Assert.That(await NextAsync(), Is.EqualTo("InSync 7"));

        var waiting = NextAsync();
        _time.Advance(TimeSpan.FromSeconds(40));
        Assert.That(_syncer.Health.Staleness(_time), Is.EqualTo(TimeSpan.FromSeconds(40)));
        _store.Event(8);
        Assert.That(await waiting, Is.EqualTo("InSync 8"));
        Assert.That(_syncer.Health.Staleness(_time), Is.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public async Task A_revision_compacted_between_two_prefixes_starts_the_list_over()
    {
        _store.List(7, Item("/c/r/a", "1", 3))
            .ListFails(new CalicoException(Problem.Invalid, "compacted", inner: new CompactedException(8)))
            .List(9, Item("/c/r/b", "1", 9)).List(9);
        await NextAsync();
        var next = NextAsync();
        await UntilAsync(() => _syncer.Health.Failures == 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await next, Is.EqualTo("Resync 9: NetworkSet(b)=1"));
        Assert.That(_store.Calls[2], Is.EqualTo("list /c/r/ at 0"));
    }

    [Test]
    public async Task A_long_list_comes_in_portions_and_what_a_broken_one_had_is_taken_back()
    {
        var many = Enumerable.Range(0, 2500).Select(i => Item($"/c/r/n{i:0000}", "1", 3)).ToArray();
        _store.Pages(7, many, new CalicoException(Problem.Unavailable, "cut"), 1250)
            .List(9, [.. many.Skip(1), Item("/c/r/new", "1", 9)]).List(9);
        await NextAsync();
        for (var told = 0; told < 1200; told += 100)
        {
            Assert.That(await _batches.MoveNextAsync() && _batches.Current is { Status: SyncStatus.Resync, Updates.Length: 100 });
        }

        var next = _batches.MoveNextAsync().AsTask();
        await UntilAsync(() => _syncer.Health.Failures == 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await next);
        List<SyncUpdate> updates = [];
        for (; _batches.Current.Status == SyncStatus.Resync; await _batches.MoveNextAsync())
        {
            updates.AddRange(_batches.Current.Updates);
        }

        Assert.That(_batches.Current.Updates, Is.Empty);
        Assert.That(updates.Where(u => u.Value is null).Select(u => u.Key.Name), Is.EqualTo(["n0000"]));
        Assert.That(updates.Where(u => u.Value is not null).Select(u => u.Key.Name),
            Is.EquivalentTo(many.Skip(1200).Select(i => i.Key[5..]).Append("new")),
            "nothing twice, nothing left out");
    }

    [Test]
    public async Task A_list_that_breaks_while_in_sync_never_ends_with_what_is_gone()
    {
        await SyncAsync(7, Item("/c/r/a", "1", 3));
        _store.WatchFails(new CompactedException(20));
        _store.Pages(30, [Item("/c/r/a", "1", 3), Item("/c/r/b", "1", 25)], new CalicoException(Problem.Unavailable, "cut"), 2)
            .List(40, Item("/c/r/c", "1", 35)).List(40);
        var next = NextAsync();
        await UntilAsync(() => _syncer.Health.Failures == 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await next, Is.EqualTo("InSync 40: NetworkSet(b)=1 NetworkSet(a) gone NetworkSet(b) gone NetworkSet(c)=1"));
    }

    [Test]
    public async Task A_failing_watch_keeps_the_picture_and_the_status()
    {
        await SyncAsync(7, Item("/c/r/a", "1", 3));
        _store.WatchFails(new CalicoException(Problem.Refused, "permission denied"));
        _store.List(9, Item("/c/r/a", "1", 3), Item("/c/r/b", "1", 9)).List(9);
        var next = NextAsync();
        await UntilAsync(() => _syncer.Health.Failures == 1);
        Assert.That(_syncer.Health.Status, Is.EqualTo(SyncStatus.InSync));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await next, Is.EqualTo("InSync 9: NetworkSet(b)=1"));
    }

    /// <summary>Random histories with gaps: whatever is handed out adds up to what is stored.</summary>
    [Test]
    public async Task Whatever_happens_the_updates_add_up_to_the_store([Values(1, 2, 3, 4, 5)] int usual)
    {
        var seed = Seed.Or(usual);
        var random = new Random(seed);
        var stored = new SortedDictionary<string, KeyValue>(StringComparer.Ordinal);
        var seen = new SortedDictionary<string, string>(StringComparer.Ordinal);
        _store.List(1).List(1);
        for (var i = 0; i < 3; i++)
        {
            await TakeAsync(seen);
        }

        for (var revision = 2L; revision < 300; revision++)
        {
            var key = $"/c/{(random.Next(2) == 0 ? "r" : "b")}/{random.Next(8)}";
            var change = stored.ContainsKey(key) && random.Next(3) == 0 ? Delete(key)
                : Put(key, random.Next(6) == 0 ? "bad" : $"{revision}", revision);
            if (change.Current is { } item)
            {
                stored[key] = item;
            }
            else
            {
                stored.Remove(key);
            }

            switch (random.Next(10))
            {
                case 0:
                    _store.WatchFails(new CompactedException(revision));
                    _store.List(revision, [.. stored.Values]).List(revision, [.. stored.Values]);
                    await TakeAsync(seen);
                    Assert.That(seen, Is.EqualTo(stored.ToDictionary(s => $"NetworkSet({s.Key[5..]})@{s.Key[3]}", s => Text(s.Value))),
                        $"seed {seed}, revision {revision}");
                    break;
                case 1:
                    break;
                default:
                    _store.Event(revision, change);
                    await TakeAsync(seen);
                    break;
            }

            // What was not told as an event (case 1) is only known after the next list: bring it in by one.
            if (random.Next(10) == 0)
            {
                _store.WatchFails(new CompactedException(revision));
                _store.List(revision, [.. stored.Values]).List(revision, [.. stored.Values]);
                await TakeAsync(seen);
            }
        }
    }

    private async Task TakeAsync(SortedDictionary<string, string> seen)
    {
        Assert.That(await _batches.MoveNextAsync());
        foreach (var update in _batches.Current.Updates)
        {
            var name = $"NetworkSet({update.Key.Name})@{(update.Key.Namespace.Length > 0 ? update.Key.Namespace : "r")}";
            if (update.Value is null && update.Error is null)
            {
                Assert.That(seen.Remove(name), $"{name} is deleted but was not there");
            }
            else
            {
                seen[name] = update.Error is null ? update.Value!.Metadata.Name : "bad";
            }
        }
    }

    private async Task SyncAsync(long revision, params KeyValue[] items)
    {
        _store.List(revision, items).List(revision, items);
        for (var i = 0; i < 3; i++)
        {
            await NextAsync();
        }
    }

    private async Task<string> NextAsync()
    {
        Assert.That(await _batches.MoveNextAsync());
        var batch = _batches.Current;
        var updates = batch.Updates.Select(u => u.Error is not null ? $"{u.Key} error" : u.Value is null ? $"{u.Key} gone"
            : $"{u.Key}={u.Value.Metadata.Name}");
        return batch.Updates.IsEmpty ? $"{batch.Status} {batch.Revision}" : $"{batch.Status} {batch.Revision}: {string.Join(' ', updates)}";
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var left = 1000; !condition(); left--)
        {
            Assert.That(left, Is.GreaterThan(0), "it did not happen within 10 s");
            await Task.Delay(10);
        }
    }

    private static string Text(KeyValue item) => Encoding.UTF8.GetString(item.Value.Span);

    /// <summary>The last part of the key is the name, the value becomes the metadata's name; keys named "skip" are no resources.</summary>
    private sealed class TextDecoder : IResourceDecoder
    {
        public bool TryName(string key, out ResourceKey resource)
        {
            var name = key[(key.LastIndexOf('/') + 1)..].Replace("default.", "", StringComparison.Ordinal);
            resource = Kinds.NetworkSet.Key(key.StartsWith("/c/b/", StringComparison.Ordinal) && char.IsDigit(name[0]) ? "b" : "", name);
            return name != "skip";
        }

        public string? KeyOf(ResourceKey resource) => resource.Namespace == "b" ? $"/c/b/{resource.Name}" : null;

        public SyncUpdate Decode(ResourceKey resource, ReadOnlyMemory<byte> value)
        {
            var text = Encoding.UTF8.GetString(value.Span);
            return text == "bad" ? new SyncUpdate(resource, null, "unreadable")
                : new SyncUpdate(resource, new Resource<IpPoolSpec> { Metadata = new ObjectMeta { Name = text } });
        }
    }

    private sealed class LineLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
