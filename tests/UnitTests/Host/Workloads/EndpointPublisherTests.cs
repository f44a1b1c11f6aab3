using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.TestKit.Store;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>The store's WorkloadEndpoints follow the records.</summary>
[TestFixture]
public sealed class EndpointPublisherTests
{
    private const string Resources = "/calico/resources/v3/projectcalico.org/workloadendpoints/";

    private static readonly WorkloadEndpointId Id = new("cni", "c1", "eth0");

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _host = await HostUnderTest.StartAsync("cni");
        using var place = _host.CreateNamespace();
        await _host.Network.ConnectAsync(new()
        {
            Id = Id,
            Instance = "c1",
            Profiles = ["net"],
            Labels = ImmutableSortedDictionary<string, string>.Empty.Add("b", "1").Add("A", "2"),
            NamedPorts = [new("http", System.Net.Sockets.ProtocolType.Tcp, 80)],
            Claim = new() { Handle = "net.c1", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, Placement.In(place, "eth0"), CancellationToken.None);
    }

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task What_agrees_is_not_written()
    {
        var revision = _host.Store.Revision;
        Assert.That(await _host.PublishAsync(await _host.SeeAsync()), Is.Zero);
        Assert.That(_host.Store.Revision, Is.EqualTo(revision));
    }

    [Test]
    public async Task What_a_stranger_deleted_or_changed_comes_back()
    {
        var (key, text) = Stored();
        _host.Store.Remove(key);
        Assert.That(await _host.PublishAsync(await _host.SeeAsync()), Is.EqualTo(1));
        Assert.That(Stored().Key, Is.EqualTo(key));
        _host.Store.Set(key, text.Replace("\"net\"", "\"other\"", StringComparison.Ordinal));
        Assert.That(await _host.PublishAsync(await _host.SeeAsync()), Is.EqualTo(1));
        Assert.That(Stored().Text, Does.Contain("\"net\"").And.Not.Contain("\"other\""));
    }

    [Test]
    public async Task Labels_that_changed_while_the_store_was_away_reach_it()
    {
        await _host.KillStoreAsync();
        await _host.Dataplane.UpdateAsync(Id, new(ImmutableSortedDictionary<string, string>.Empty.Add("app", "web")),
            CancellationToken.None);
        Assert.That(Stored().Text, Does.Not.Contain("\"app\""));
        await _host.ReviveStoreAsync();
        Assert.That(Stored().Text, Does.Contain("\"app\":\"web\""));
    }

    [Test]
    public async Task What_waits_reaches_the_store_before_its_view_is_whole_and_after_a_crash()
    {
        await _host.KillStoreAsync();
        await _host.Dataplane.UpdateAsync(Id, new(ImmutableSortedDictionary<string, string>.Empty.Add("app", "web")),
            CancellationToken.None);
        Assert.That(_host.Outbox.Pending(Stored().Key), Is.Not.Null);
        await _host.CrashAsync();
        _host.Store.Faults.Dead = false;
        Assert.That(await _host.PublishAsync(new("node1", TimeProvider.System)), Is.EqualTo(1));
        Assert.That(Stored().Text, Does.Contain("\"app\":\"web\""));
        Assert.That(_host.Log.List(Outbox.Section), Is.Empty);
    }

    [Test]
    public async Task What_waits_for_an_endpoint_goes_with_it([Values] bool storeIsBack, [Values] bool crashes)
    {
        var key = Stored().Key;
        await _host.KillStoreAsync();
        await _host.Dataplane.UpdateAsync(Id, new(ImmutableSortedDictionary<string, string>.Empty.Add("app", "web")),
            CancellationToken.None);
        _host.Store.Faults.Dead = !storeIsBack;
        await _host.Network.DisconnectAsync(Id, "c1", CancellationToken.None);
        Assert.That(_host.Outbox.Pending(key) is { Value: null }, Is.EqualTo(!storeIsBack), "the deletion took its place");
        if (crashes)
        {
            await _host.CrashAsync();
        }

        await _host.ReviveStoreAsync();
        Assert.That(_host.Store.Snapshot(Resources), Is.Empty);
        Assert.That(_host.Log.List(Outbox.Section), Is.Empty);
    }

    [Test]
    public async Task What_waits_is_newer_than_what_the_repair_sees()
    {
        await _host.KillStoreAsync();
        await _host.Dataplane.UpdateAsync(Id, new(ImmutableSortedDictionary<string, string>.Empty.Add("app", "web")),
            CancellationToken.None);
        var removal = await _host.Connector.Book.Locks.EnterAsync(Id, CancellationToken.None);
        _host.Store.Faults.Dead = false;
        var repair = _host.PublishAsync(await _host.SeeAsync());
        Assert.That(repair.IsCompleted, Is.False, "late writes take the endpoint's lock");
        removal.Dispose();
        Assert.That(await repair, Is.EqualTo(1), "written once");
    }

    [Test]
    public async Task A_view_from_before_a_removal_brings_nothing_back()
    {
        var seen = await _host.SeeAsync();
        await _host.Network.DisconnectAsync(Id, "c1", CancellationToken.None);
        Assert.That(await _host.PublishAsync(seen), Is.Zero);
        Assert.That(_host.Store.Snapshot(Resources), Is.Empty);
    }

    [Test]
    public async Task An_endpoint_that_goes_meanwhile_is_not_written()
    {
        _host.Store.Remove(Stored().Key);
        var seen = await _host.SeeAsync();
        var removal = await _host.Connector.Book.Locks.EnterAsync(Id, CancellationToken.None);
        var repair = _host.PublishAsync(seen);
        Assert.That(_host.Connector.Book.TryFind(Id, out var life), Is.True);
        _host.Connector.Book.Remove(life!);
        removal.Dispose();
        Assert.That(await repair, Is.Zero);
        Assert.That(_host.Store.Snapshot(Resources), Is.Empty);
    }

    [Test]
    public async Task An_endpoint_that_is_just_prepared_is_not_taken_for_a_stray()
    {
        // Its resource is there, its record not yet in the book, its lock held: as between the commit and the book's entry.
        Assert.That(_host.Connector.Book.TryFind(Id, out var life), Is.True);
        var seen = await _host.SeeAsync();
        var preparing = await _host.Connector.Book.Locks.EnterAsync(Id, CancellationToken.None);
        _host.Connector.Book.Remove(life!);
        var repair = _host.PublishAsync(seen);
        _host.Connector.Book.Add(life!);
        preparing.Dispose();
        Assert.That(await repair, Is.Zero);
        Assert.That(_host.Store.Snapshot(Resources), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_stray_of_this_node_is_deleted_and_another_nodes_is_not()
    {
        var (key, text) = Stored();
        _host.Store.Set(key.Replace("c1", "c2", StringComparison.Ordinal), text.Replace("c1", "c2", StringComparison.Ordinal));
        _host.Store.Set(key.Replace("node1", "node2", StringComparison.Ordinal), text.Replace("node1", "node2", StringComparison.Ordinal));
        Assert.That(await _host.PublishAsync(await _host.SeeAsync()), Is.EqualTo(1));
        Assert.That(_host.Store.Snapshot(Resources).Select(k => k.Key),
            Is.EquivalentTo(new[] { key, key.Replace("node1", "node2", StringComparison.Ordinal) }));
    }

    [Test]
    public async Task What_changes_meanwhile_is_neither_written_over_nor_deleted()
    {
        var (key, text) = Stored();
        _host.Store.Set(key, text.Replace("\"net\"", "\"other\"", StringComparison.Ordinal));
        var changed = await _host.SeeAsync();
        _host.Store.InterfereOnce(key);
        Assert.That(await _host.PublishAsync(changed), Is.Zero, "another was faster; the next round looks again");
        Assert.That(Stored().Text, Does.Contain("\"other\""));

        _host.Store.Set(key, text);
        var stray = key.Replace("c1", "c2", StringComparison.Ordinal);
        _host.Store.Set(stray, text.Replace("c1", "c2", StringComparison.Ordinal));
        var seen = await _host.SeeAsync();
        _host.Store.InterfereOnce(stray);
        Assert.That(await _host.PublishAsync(seen), Is.Zero);
        Assert.That(_host.Store.Snapshot(stray), Has.Length.EqualTo(1));
        _host.Store.Set(stray, text.Replace("c1", "c2", StringComparison.Ordinal)
            .Replace("\"node\":\"node1\"", "\"node\":\"node2\"", StringComparison.Ordinal));
        Assert.That(await _host.PublishAsync(seen), Is.Zero, "it became another node's");
        Assert.That(_host.Store.Snapshot(stray), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Before_the_store_has_been_read_to_its_end_nothing_is_repaired()
    {
        _host.Store.Remove(Stored().Key);
        var half = new Calico.Host.Node.DatastoreView("node1", TimeProvider.System);
        half.Accept(new(SyncStatus.Resync, 1, []));
        Assert.That(await _host.PublishAsync(half), Is.Zero);
        Assert.That(_host.Store.Snapshot(Resources), Is.Empty);
    }

    private (string Key, string Text) Stored()
    {
        var found = _host.Store.Snapshot(Resources).Single();
        return (found.Key, Encoding.UTF8.GetString(found.Value.Span));
    }
}
