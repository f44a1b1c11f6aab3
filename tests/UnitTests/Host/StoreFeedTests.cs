using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>The way from store to view and dataplane.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StoreFeedTests
{
    private readonly List<SyncUpdate> _told = [];

    [Test]
    public void A6_what_was_deleted_while_the_host_was_down_goes_when_the_store_has_been_read()
    {
        var view = new DatastoreView("node1", TimeProvider.System);
        var feed = new StoreFeed(view, b => _told.AddRange(b.Updates));
        feed.Remember(new(SyncStatus.InSync, 5, [Pool("stays"), Pool("went")]));
        feed.Accept(new(SyncStatus.WaitForStore, 0, []));
        feed.Accept(new(SyncStatus.Resync, 9, [Pool("stays"), Pool("came")]));
        Assert.That(Pools(view), Is.EqualTo(new[] { "came", "stays", "went" }), "in force until the store has been read to its end");

        feed.Accept(new(SyncStatus.InSync, 9, []));
        Assert.That(Pools(view), Is.EqualTo(new[] { "came", "stays" }));
        Assert.That(_told[^1], Is.EqualTo(new SyncUpdate(Pool("went").Key, null)), "the dataplane hears it too");

        var count = _told.Count;
        feed.Accept(new(SyncStatus.InSync, 10, []));
        Assert.That(_told, Has.Count.EqualTo(count), "once");
    }

    [Test]
    public void What_sync_has_told_is_not_gone_back_on_by_what_was_known_before()
    {
        var view = new DatastoreView("node1", TimeProvider.System);
        var feed = new StoreFeed(view, b => _told.AddRange(b.Updates));
        feed.Expect();
        feed.Accept(new(SyncStatus.Resync, 9, [Pool("both"), new(Pool("bad").Key, null, "unreadable")]));
        var told = _told[0];
        feed.Remember(new(SyncStatus.Resync, 5, [Pool("both"), Pool("bad"), Pool("before")]));
        feed.Remember(new(SyncStatus.InSync, 5, []));
        Assert.That(Pools(view), Is.EqualTo(new[] { "before", "both" }), "silent now: what it said, and else what it said before");
        Assert.That(view.Find(told.Key), Is.SameAs(told));
        Assert.That(view.Unusable.Select(u => u.Key.Name), Is.EqualTo(new[] { "bad" }), "a value that cannot be used is told, too");

        feed.Accept(new(SyncStatus.InSync, 9, []));
        Assert.That(Pools(view), Is.EqualTo(new[] { "both" }), "heard to its end");
        var count = _told.Count;
        feed.Remember(new(SyncStatus.InSync, 5, [Pool("late")]));
        Assert.That(_told, Has.Count.EqualTo(count), "nobody needs it any more");
    }

    private static string[] Pools(DatastoreView view) => [.. view.List(Kinds.IpPool).Select(p => p.Metadata.Name)];

    private static SyncUpdate Pool(string name) =>
        new(Kinds.IpPool.Key(name), Kinds.IpPool.New(name, new IpPoolSpec { Cidr = "10.0.0.0/16" }));
}
