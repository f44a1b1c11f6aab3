using System.Collections.Immutable;
using System.Net;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Profiles of networks, with the store there and away.</summary>
[TestFixture, Parallelizable]
public sealed class HostProfilesTests
{
    private const string Key = "/calico/resources/v3/projectcalico.org/profiles/net";

    private static readonly ProfileDefaults Open = new(false, ImmutableSortedDictionary<string, string>.Empty);

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task A_profile_that_the_store_missed_reaches_it_after_a_crash()
    {
        await _host.KillStoreAsync();
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        await _host.CrashAsync();
        await _host.ReviveStoreAsync();
        Assert.That(Stored(), Does.Contain("net.calico/made-by"));
        Assert.That(_host.Log.List(Outbox.Section), Is.Empty);
    }

    [Test]
    public async Task A_change_that_the_store_missed_replaces_what_an_adapter_made()
    {
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        var before = Stored();
        await _host.KillStoreAsync();
        await _host.Profiles.EnsureAsync("net", Open with { Internal = true }, CancellationToken.None);
        await _host.ReviveStoreAsync();
        var rules = Stored()[Stored().IndexOf("\"egress\"", StringComparison.Ordinal)..];
        Assert.That(before, Does.Not.Contain(rules));
        Assert.That(rules, Does.Contain("has(net)"));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Who_comes_to_a_network_that_stands_neither_opens_nor_closes_it(bool isOpen)
    {
        await _host.Profiles.EnsureAsync("net", Open with { OpenIngress = isOpen }, CancellationToken.None);
        var before = Stored();
        await _host.Profiles.EnsureAsync("net", Open with { OpenIngress = !isOpen }, CancellationToken.None);
        Assert.That(Stored(), Is.EqualTo(before));
        Assert.That(before[..before.IndexOf("\"egress\"", StringComparison.Ordinal)].Contains("has(net)", StringComparison.Ordinal),
            Is.Not.EqualTo(isOpen));
    }

    [Test]
    public async Task A_persons_profile_is_left_alone_also_by_what_was_journalled()
    {
        const string Theirs = """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"net"},"spec":{}}""";
        await _host.KillStoreAsync();
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        _host.Store.Set(Key, Theirs);
        await _host.ReviveStoreAsync();
        Assert.That(Stored(), Is.EqualTo(Theirs));
    }

    [Test]
    public async Task A_profile_that_a_person_edited_is_theirs_from_then_on([Values] bool storeIsDead)
    {
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        var edited = Stored().Replace("\"Allow\"", "\"Deny\"", StringComparison.Ordinal);
        _host.Store.Set(Key, edited);
        if (storeIsDead)
        {
            await _host.KillStoreAsync();
        }

        await _host.CrashAsync();
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        await _host.ReviveStoreAsync();
        Assert.That(Stored(), Is.EqualTo(edited), "not made anew");
        await _host.Profiles.RemoveAsync("net", CancellationToken.None);
        Assert.That(Stored(), Is.EqualTo(edited), "not removed");
    }

    [Test]
    public async Task A_start_writes_nothing_where_the_profile_stands()
    {
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        var before = _host.Store.Snapshot(Key).Single().ModRevision;
        await _host.CrashAsync();
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        Assert.That(_host.Store.Snapshot(Key).Single().ModRevision, Is.EqualTo(before));
    }

    [Test]
    public async Task A_removal_that_the_store_missed_is_done_later([Values] bool hangs, [Values] bool crashes)
    {
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        (_host.Store.Faults.Dead, _host.Store.Faults.Hanging) = (!hangs, hangs);
        await _host.Profiles.RemoveAsync("net", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(10));
        (_host.Store.Faults.Dead, _host.Store.Faults.Hanging) = (true, false);
        if (crashes)
        {
            await _host.CrashAsync();
        }

        await _host.ReviveStoreAsync();
        Assert.That(_host.Store.Snapshot(Key), Is.Empty);
        Assert.That(_host.Log.List(Outbox.Section), Is.Empty);
    }

    [Test]
    public async Task A_removed_profile_is_not_brought_back_by_a_restart_with_a_dead_store()
    {
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        var lastKnown = await _host.SeeAsync();
        await _host.KillStoreAsync();
        await _host.Profiles.RemoveAsync("net", CancellationToken.None);

        // The last known state has the profile: the dataplane is told that it is gone.
        Assert.That(Restarted(lastKnown).Pending().Select(u => (u.Key, u.Value, u.Error)),
            Is.EqualTo(new[] { (Kinds.Profile.Key("net"), (Resource?)null, (string?)null) }));
        Assert.That(Restarted(new("node1", TimeProvider.System)).Pending(), Is.Empty);
    }

    [Test]
    public async Task A_removal_takes_back_what_was_only_journalled([Values] bool reachedTheStore)
    {
        _host.Store.Faults.OnCommit(1, reachedTheStore ? StoreFault.AnswerLost : StoreFault.Fail);
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        Assert.That(_host.Store.Snapshot(Key), Has.Length.EqualTo(reachedTheStore ? 1 : 0));
        await _host.KillStoreAsync();
        await _host.Profiles.RemoveAsync("net", CancellationToken.None);
        await _host.ReviveStoreAsync();
        Assert.That(_host.Store.Snapshot(Key), Is.Empty);
    }

    [Test]
    public async Task A_profile_that_is_wanted_again_is_not_removed([Values] bool storeIsBackBefore, [Values] bool crashes)
    {
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        await _host.KillStoreAsync();
        await _host.Profiles.RemoveAsync("net", CancellationToken.None);
        _host.Store.Faults.Dead = !storeIsBackBefore;
        await _host.Profiles.EnsureAsync("net", Open with { Internal = true }, CancellationToken.None);
        if (crashes)
        {
            await _host.CrashAsync();
        }

        await _host.ReviveStoreAsync();
        Assert.That(Stored(), Does.Contain("has(net)"));
        Assert.That(_host.Log.List(Outbox.Section), Is.Empty);
    }

    [Test]
    public async Task What_was_journalled_first_is_not_brought_over_what_was_written_since()
    {
        await _host.KillStoreAsync();
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        _host.Store.Faults.Dead = false;
        await _host.Profiles.EnsureAsync("net", Open with { Internal = true }, CancellationToken.None);
        var written = Stored();
        await _host.ReviveStoreAsync();
        Assert.That(Stored(), Is.EqualTo(written));
    }

    [TestCase("""{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"net","uid":"p"},"spec":{}}""",
        TestName = "A_persons_profile_outlives_a_removal_that_came_late")]
    [TestCase("""{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"net","uid":"n","annotations":{"net.calico/made-by":"adapter"}},"spec":{}}""", TestName = "A_profile_that_another_node_made_again_outlives_a_removal_that_came_late")]
    [TestCase("no profile", TestName = "What_is_no_profile_outlives_a_removal_that_came_late")]
    public async Task Anothers_outlives_a_removal(string theirs)
    {
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        await _host.KillStoreAsync();
        await _host.Profiles.RemoveAsync("net", CancellationToken.None);
        _host.Store.Set(Key, theirs);
        await _host.ReviveStoreAsync();
        Assert.That(Stored(), Is.EqualTo(theirs));
        Assert.That(_host.Log.List(Outbox.Section), Is.Empty);
    }

    [Test]
    public async Task A_persons_profile_is_not_removed()
    {
        const string Theirs = """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"net"},"spec":{}}""";
        _host.Store.Set(Key, Theirs);
        await _host.Profiles.RemoveAsync("net", CancellationToken.None);
        Assert.That(Stored(), Is.EqualTo(Theirs));
    }

    [Test]
    public async Task A_profile_that_was_just_made_is_removed_although_sync_has_not_shown_it_yet()
    {
        var profiles = Restarted(new("node1", TimeProvider.System));
        await profiles.EnsureAsync("net", Open, CancellationToken.None);
        await profiles.RemoveAsync("net", CancellationToken.None);
        Assert.That(_host.Store.Snapshot(Key), Is.Empty);
    }

    [Test]
    public async Task A_late_removal_spares_a_profile_that_an_endpoint_names_meanwhile()
    {
        await _host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        await _host.KillStoreAsync();
        await _host.Profiles.RemoveAsync("net", CancellationToken.None);
        await _host.Dataplane.PrepareAsync(new() { Id = new("cni", "c1", "eth0"), Instance = "c1", Profiles = ["net"],
            Unmanaged = [IPNetwork.Parse("192.0.2.7/32")] }, CancellationToken.None);
        await _host.ReviveStoreAsync();
        Assert.That(_host.Store.Snapshot(Key), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task The_dataplane_is_not_told_that_all_is_known_before_it_is()
    {
        var told = new List<SyncBatch>();
        var profiles = Restarted(new("node1", TimeProvider.System), told.Add);
        await profiles.EnsureAsync("net", Open, CancellationToken.None);
        await profiles.RemoveAsync("net", CancellationToken.None);
        Assert.That(told.Select(b => (b.Status, b.Updates.Single().Value is null)),
            Is.EqualTo(new[] { (SyncStatus.Resync, false), (SyncStatus.Resync, true) }));
    }

    [Test]
    public async Task C10_a_profile_of_ports_lets_in_to_them_and_says_nothing_else()
    {
        await _host.Profiles.EnsureAsync("net", Open with { OpenPorts = [new(System.Net.Sockets.ProtocolType.Udp, null, 0, 0, 53),
            new(System.Net.Sockets.ProtocolType.Tcp, null, 0, 0, 80)] }, CancellationToken.None);
        Assert.That(Stored(),
            Does.EndWith(""""spec":{"ingress":[{"action":"Allow","protocol":"TCP","destination":{"ports":[80]}},{"action":"Allow","protocol":"UDP","destination":{"ports":[53]}}]}}""""));
    }

    private HostProfiles Restarted(DatastoreView lastKnown, Action<SyncBatch>? enforce = null) =>
        new(new(_host.Log, _host.Store, TimeProvider.System, NullLogger<Outbox>.Instance), _host.Store,
            new(lastKnown, enforce ?? (_ => { })), new(), TimeSpan.MaxValue, TimeProvider.System, NullLogger<HostProfiles>.Instance);

    private string Stored() => Encoding.UTF8.GetString(_host.Store.Snapshot(Key).Single().Value.Span);
}
