using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>The way from store to view and dataplane.</summary>
[TestFixture]
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

    private static string[] Pools(DatastoreView view) => [.. view.List(Kinds.IpPool).Select(p => p.Metadata.Name)];

    private static SyncUpdate Pool(string name) =>
        new(Kinds.IpPool.Key(name), Kinds.IpPool.New(name, new IpPoolSpec { Cidr = "10.0.0.0/16" }));
}
