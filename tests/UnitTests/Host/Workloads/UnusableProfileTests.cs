using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Row A2 of issue 13: only what was written is enforced. What cannot be read is there, is a person's, and denies.</summary>
[TestFixture, Parallelizable]
public sealed class UnusableProfileTests
{
    private const string Key = "/calico/resources/v3/projectcalico.org/profiles/net";
    private const string UnknownAction =
        """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"net"},"spec":{"ingress":[{"action":"Ponder"}]}}""";
    private const string NewerVersion =
        """{"kind":"Profile","apiVersion":"projectcalico.org/v4","metadata":{"name":"net","annotations":{"net.calico/made-by":"adapter"}},"spec":{}}""";
    private const string NoJson = "no profile";
    private const string Persons =
        """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"net","uid":"p"},"spec":{"ingress":[{"action":"Deny"}]}}""";

    private static readonly ResourceKey Profile = Kinds.Profile.Key("net");
    private static readonly ProfileDefaults Open = new(false, ImmutableSortedDictionary<string, string>.Empty);

    private readonly List<SyncUpdate> _told = [];
    private InMemoryStore _store = null!;
    private InMemoryNodeLog _log = null!;
    private string _root = "";
    private string _folder = "";
    private RefusalLog _refusals = null!;

    [TearDown]
    public void End() => Directory.Delete(_root, recursive: true);

    [SetUp]
    public void Clear()
    {
        _told.Clear();
        (_store, _log, _refusals) = (new(), new(), new());
        _root = _folder = Directory.CreateTempSubdirectory("calico-test-snapshot-").FullName;
    }

    [Test]
    public async Task A2_a_profile_that_cannot_be_read_stays_what_is_enforced_after_an_add(
        [Values(UnknownAction, NewerVersion, NoJson, "")] string text, [Values] bool syncHasToldIt, [Values] bool journalled)
    {
        if (journalled)
        {
            _store.Faults.Dead = true;
            await Profiles(new("node1", TimeProvider.System)).EnsureAsync("net", Open, CancellationToken.None);
            _store.Faults.Dead = false;
            _told.Clear();
        }

        _store.Set(Key, text);
        var profiles = Profiles(syncHasToldIt ? await SeeAsync() : new("node1", TimeProvider.System));
        await profiles.EnsureAsync("net", Open, CancellationToken.None);
        await profiles.EnsureAsync("net", Open with { Internal = true }, CancellationToken.None);
        await profiles.ReplayAsync(CancellationToken.None);

        Assert.That(_told.Where(u => u.Error is null), Is.Empty, "the adapter's own text is not in force");
        Assert.That(_told, syncHasToldIt ? Is.Empty : Is.Not.Empty, "what sync has not told yet is told");
        Assert.That(Stored(), Is.EqualTo(text));
        await profiles.RemoveAsync("net", CancellationToken.None);
        Assert.That(Stored(), Is.EqualTo(text));
        Assert.That(_told.Where(u => u.Error is null), Is.Empty, "nor is it out of force");
    }

    [Test]
    public async Task A2_a_profile_that_cannot_be_read_still_denies_after_a_restart_with_a_dead_store()
    {
        _store.Set(Key, UnknownAction);
        await SnapshotAsync(await BatchAsync());
        var read = PolicySnapshots.Whole(Snapshot());
        Assert.That(read!.Updates.Single(u => u.Key == Profile) is { Value: null, Error.Length: > 0 }, Is.True);

        var view = new DatastoreView("node1", TimeProvider.System);
        view.Accept(read);
        _store.Faults.Dead = true;
        var profiles = Profiles(view);
        await profiles.EnsureAsync("net", Open, CancellationToken.None);
        Assert.That(_told, Is.Empty);
        Assert.That(profiles.Pending(), Is.Empty);
        Assert.That(_log.List(Outbox.Section), Is.Empty, "nothing waits to be written over it");
    }

    [Test]
    public async Task A2_a_snapshot_that_the_disk_refused_is_written_with_the_next_round()
    {
        _store.Set(Key, Persons);
        // No folder, no file.
        _folder = Path.Combine(_folder, "later");
        var snapshot = new PolicySnapshot(Path.Combine(_folder, "snapshot"), _log, TimeProvider.System, _refusals);
        using var stop = new CancellationTokenSource();
        snapshot.Accept(await BatchAsync());
        var running = snapshot.RunAsync(stop.Token);
        await UntilAsync(() => _refusals.Count > 0, "it was not tried while there was no folder");
        Directory.CreateDirectory(_folder);
        await UntilAsync(() => PolicySnapshots.Whole(snapshot) is not null, "it was not tried again");

        Assert.That(PolicySnapshots.Whole(snapshot)?.Updates.Select(u => u.Key), Does.Contain(Profile));
        await stop.CancelAsync();
        Assert.That(async () => await running, Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task A2_a_profile_that_a_person_writes_during_an_add_is_what_is_enforced([Values] bool overAnAdapters)
    {
        if (overAnAdapters)
        {
            await Profiles(new("node1", TimeProvider.System)).EnsureAsync("net", Open with { Internal = true }, CancellationToken.None);
            _told.Clear();
        }

        var left = overAnAdapters ? 2 : 1;
        _store.Faults.Use((kind, transaction) =>
        {
            // At the last moment before the write that would have been the adapter's.
            if (kind == StoreCallKind.Commit && --left == 0)
            {
                _store.Set(Key, Persons);
            }

            return StoreFault.None;
        });
        await Profiles(new("node1", TimeProvider.System)).EnsureAsync("net", Open, CancellationToken.None);
        Assert.That(Stored(), Is.EqualTo(Persons));
        Assert.That(_told.Single().Value?.Metadata.Uid, Is.EqualTo("p"));
    }

    [Test]
    public async Task A2_what_the_host_tells_ahead_does_not_go_over_what_sync_has_told_since()
    {
        var view = await SeeAsync();
        var feed = new StoreFeed(view, b => _told.AddRange(b.Updates));
        _store.Set(Key, Persons);
        feed.Accept(await BatchAsync());
        _told.Clear();
        feed.Ahead(new(Profile, null), seen: null, revision: 0);
        feed.Ahead(new(Profile, null), seen: null, revision: _store.Revision);
        Assert.That(_told, Is.Empty);
        feed.Ahead(new(Profile, null), view.Find(Profile), revision: 0);
        feed.Ahead(new(Profile, null), seen: null, revision: _store.Revision + 1);
        Assert.That(_told, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A2_a_journal_entry_that_cannot_be_read_stops_neither_the_start_nor_the_others()
    {
        var profiles = Profiles(new("node1", TimeProvider.System));
        OutboxEntry Entry(string name, byte[] text) =>
            new() { Owner = HostProfiles.OutboxOwner, Key = Key[..^3] + name, Guard = OutboxGuard.Owner, Value = text };
        var former = new Outbox(_log, _store, TimeProvider.System, NullLogger<Outbox>.Instance);
        await former.JournalAsync([Entry("net", "{"u8.ToArray()),
            Entry("zz", AdapterProfile.Kind.Encode(AdapterProfile.Make("zz", Open, default)))], [], CancellationToken.None);
        Assert.That(profiles.Pending().Select(u => u.Key.Name), Is.EqualTo(new[] { "zz" }));
        await profiles.ReplayAsync(CancellationToken.None);
        Assert.That(_store.Snapshot(Key[..^3] + "zz"), Has.Length.EqualTo(1));
        Assert.That(_log.List(Outbox.Section), Is.Empty);
        _store.Remove(Key[..^3] + "zz");
    }

    [Test]
    public async Task A2_a_cluster_information_that_cannot_be_read_is_no_permission_to_write()
    {
        const string Cluster = "/calico/resources/v3/projectcalico.org/clusterinformations/default";
        _store.Set(Cluster, """{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v9","metadata":{"name":"default"},"spec":{}}""");
        var view = await SeeAsync();
        Assert.That(view.DatastoreReady, Is.False);
        Assert.That(view.Unusable.Select(u => u.Key.Kind), Is.EqualTo(new[] { "ClusterInformation" }));
        _store.Remove(Cluster);
    }

    private PolicySnapshot Snapshot() =>
        new(Path.Combine(_folder, "snapshot"), _log, TimeProvider.System, NullLogger<PolicySnapshot>.Instance);

    private HostProfiles Profiles(DatastoreView view) => new(new(_log, _store, new PatientTime(), NullLogger<Outbox>.Instance), _store,
        new(view, b => _told.AddRange(b.Updates)), new(), TimeSpan.MaxValue,
        new PatientTime(), NullLogger<HostProfiles>.Instance);

    private async Task<DatastoreView> SeeAsync()
    {
        var view = new DatastoreView("node1", TimeProvider.System);
        view.Accept(await BatchAsync());
        return view;
    }

    /// <summary>The whole store, as sync tells it.</summary>
    private async Task<SyncBatch> BatchAsync()
    {
        var updates = ImmutableArray.CreateBuilder<SyncUpdate>();
        await foreach (var batch in new Syncer(_store, ResourceKinds.All, Syncer.DefaultPrefixes, TimeProvider.System, NullLogger.Instance)
            .RunAsync(CancellationToken.None))
        {
            updates.AddRange(batch.Updates);
            if (batch.Status == SyncStatus.InSync)
            {
                return batch with { Updates = updates.ToImmutable() };
            }
        }

        throw new InvalidOperationException("sync ended");
    }

    private async Task SnapshotAsync(SyncBatch batch)
    {
        var snapshot = Snapshot();
        using var stop = new CancellationTokenSource();
        snapshot.Accept(batch);
        var running = snapshot.RunAsync(stop.Token);
        await UntilAsync(() => PolicySnapshots.Whole(snapshot) is not null, "it was not written");

        await stop.CancelAsync();
        Assert.That(async () => await running, Throws.InstanceOf<OperationCanceledException>());
    }

    private static async Task UntilAsync(Func<bool> condition, string otherwise)
    {
        for (var left = 2000; !condition(); left--)
        {
            Assert.That(left, Is.Positive, $"within 20 s: {otherwise}");
            await Task.Delay(10);
        }
    }

    private string Stored() => Encoding.UTF8.GetString(_store.Snapshot(Key).Single().Value.Span);

    /// <summary>How often it was said that the snapshot was not written.</summary>
    private sealed class RefusalLog : ILogger<PolicySnapshot>
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            Interlocked.Increment(ref _count);
    }
}
