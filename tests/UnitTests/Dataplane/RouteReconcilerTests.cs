using System.Net;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Calico.UnitTests.Felix;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>Routes and a kernel that refuses: what is said, what is read again, what is tried again.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RouteReconcilerTests : IDisposable
{
    private const int Link = 7;
    private static readonly DataplaneOptions Options = new() { NodeName = "node-a" };
    private static readonly RouteProtocol Ours = new((byte)Options.RouteProtocol);
    private static readonly Cidr Workload = Cidr.Parse("10.65.0.2/32");
    private static readonly Cidr Block = Cidr.Parse("10.65.0.0/26");

    private readonly FakeRoutes _kernel = new();
    private readonly LinkLedger _ledger = new();
    private readonly RouteReconciler _routes;

    public RouteReconcilerTests()
    {
        _routes = new(_kernel, Options, _ledger, new());
        _kernel.Links.Add(new() { Index = Link, Name = "calia", Flags = 1 });
        // The first comparison, with nothing wanted and nothing there.
        _routes.Commit(0);
        Assert.That((_kernel.Listings, _kernel.Sent.Count), Is.EqualTo((1, 0)));
    }

    /// <summary>With the kernel that it was given.</summary>
    public void Dispose()
    {
        _routes.Dispose();
        _kernel.Dispose();
    }

    [TearDown]
    public void EveryRefusalWasMet() => Assert.That(_kernel.HasRefusedAll, Is.True);

    private static RouteEntry Entry(Cidr destination, int link, RouteProtocol protocol) =>
        new() { Destination = destination.ToNetwork(), LinkIndex = link, Protocol = protocol };

    private string[] Last() => _kernel.Sent[^1];

    private void Want()
    {
        _routes.Apply(new RouteUpdate(Workload, "calia"));
        _routes.Apply(new RouteUpdate(Block, null));
    }

    [Test]
    public void A_change_is_written_without_a_look_at_the_rest_and_not_twice()
    {
        Want();
        _routes.Commit(0);
        Assert.That(Last(), Has.Length.EqualTo(2).And.Some.Contains("replace route 10.65.0.2/32").And.Some
            .Contains("blackhole 10.65.0.0/26"));
        _routes.Commit(0);
        Assert.That((_kernel.Sent.Count, _kernel.Listings), Is.EqualTo((1, 1)));
    }

    [Test]
    public void A_refusal_names_the_route_and_after_a_doubt_what_is_not_there_is_written_and_no_more()
    {
        Want();
        _kernel.Refuse("10.65.0.2/32", Errno.NotPermitted);
        var refused = Assert.Throws<RouteBatchException>(() => _routes.Commit(0))!;
        Assert.That((refused.Errno, refused.Failure.Request.Contains("10.65.0.2/32", StringComparison.Ordinal)),
            Is.EqualTo((Errno.NotPermitted, true)));

        _routes.Doubt();
        _kernel.Routes.Add(Entry(Block, 0, Ours) with { Kind = RouteKind.Blackhole });
        _routes.Commit(1);
        Assert.That(_kernel.Listings, Is.EqualTo(2));
        Assert.That(Last(), Has.Length.EqualTo(1).And.Some.Contains("replace route 10.65.0.2/32"));
    }

    [Test]
    public void What_was_refused_is_tried_again_without_a_doubt_too()
    {
        Want();
        _kernel.Refuse("10.65.0.2/32", Errno.NotPermitted);
        Assert.That(() => _routes.Commit(0), Throws.InstanceOf<RouteBatchException>());
        _routes.Commit(1);
        Assert.That(Last(), Has.Length.EqualTo(2), "which of the two stands is not known");
    }

    [Test]
    public void A_link_that_went_between_the_look_and_the_write_is_no_refusal()
    {
        Want();
        _kernel.Refuse("10.65.0.2/32", Errno.NoDevice);
        Assert.That(() => _routes.Commit(0), Throws.Nothing);
    }

    [Test]
    public void A_listing_that_was_interrupted_leaves_the_doubt()
    {
        Want();
        _routes.Doubt();
        _kernel.Interruptions = 1;
        Assert.That(() => _routes.Commit(0), Throws.InstanceOf<NetlinkInterruptedException>());
        Assert.That(_kernel.Sent, Is.Empty);
        _routes.Commit(1);
        Assert.That((_kernel.Listings, Last().Length), Is.EqualTo((3, 2)));
    }

    [Test]
    public void A_comparison_whose_writing_was_refused_is_made_again()
    {
        _routes.Doubt();
        _kernel.Routes.Add(Entry(Cidr.Parse("10.65.0.9/32"), Link, Ours));
        _kernel.Refuse("10.65.0.9/32", Errno.NotPermitted);
        Assert.That(() => _routes.Commit(0), Throws.InstanceOf<RouteBatchException>());
        _routes.Commit(1);
        Assert.That(_kernel.Listings, Is.EqualTo(3));
        Assert.That(Last(), Has.Length.EqualTo(1).And.Some.Contains("delete route 10.65.0.9/32"));
    }

    [Test]
    public void A_comparison_deletes_what_nobody_wants_of_ours_and_leaves_what_is_wired_or_anothers()
    {
        _ledger.Add("calib", 8, []);
        _kernel.Routes.AddRange([
            Entry(Cidr.Parse("10.65.0.7/32"), Link, Ours), Entry(Cidr.Parse("10.65.0.8/32"), 8, Ours),
            Entry(Cidr.Parse("10.65.0.9/32"), Link, RouteProtocol.Bird),
            Entry(Cidr.Parse("10.65.0.10/32"), Link, Ours) with { Table = 100 },
        ]);
        _routes.Doubt();
        _routes.Commit(0);
        Assert.That(Last(), Has.Length.EqualTo(1).And.Some.Contains("delete route 10.65.0.7/32"));
    }

    [Test]
    public void A_route_that_was_taken_away_is_written_at_once_and_a_refusal_of_that_is_said()
    {
        Want();
        _routes.Commit(0);
        var gone = new RouteEvent.RouteChanged(Entry(Workload, Link, Ours), Removed: true);
        Assert.That(_routes.Notice(gone).Healed, Is.EqualTo(new[] { "route 10.65.0.2/32" }));
        _kernel.Refuse("10.65.0.2/32", Errno.NotPermitted);
        Assert.That(() => _routes.Notice(gone), Throws.InstanceOf<RouteBatchException>());
    }

    [Test]
    public void A_link_that_is_down_gets_its_route_when_it_is_up()
    {
        _kernel.Links[0] = _kernel.Links[0] with { Flags = 0 };
        _routes.Apply(new RouteUpdate(Workload, "calia"));
        _routes.Commit(0);
        Assert.That(_kernel.Sent, Is.Empty);
        _kernel.Links[0] = _kernel.Links[0] with { Flags = 1 };
        _routes.Notice(new RouteEvent.LinkChanged(_kernel.Links[0], Removed: false));
        Assert.That(Last(), Has.Length.EqualTo(1).And.Some.Contains("replace route 10.65.0.2/32"));
    }

    [Test]
    public void Another_route_in_the_place_of_ours_is_replaced_at_its_metric_and_a_refusal_of_that_is_said()
    {
        Want();
        _routes.Commit(0);
        var other = Entry(Workload, 9, RouteProtocol.Static) with { Metric = 5 };
        _kernel.Routes.Add(other);
        var placed = new RouteEvent.RouteChanged(other, Removed: false);
        Assert.That(_routes.Notice(placed).Healed, Has.Length.EqualTo(1).And.Some.Contains("in whose place was"));
        Assert.That(Last(), Has.Length.EqualTo(2).And.Some.Contains("delete route").And.Some.Contains("metric 5"));
        _kernel.Refuse("metric 5", Errno.NotPermitted);
        Assert.That(() => _routes.Notice(placed), Throws.InstanceOf<RouteBatchException>());
    }

    [Test]
    public void What_a_former_process_left_of_an_endpoint_goes_before_anything_is_wanted()
    {
        _routes.Withdraw(FelixState.Endpoint("w1", "10.65.0.2/32", []));
        Assert.That(Last(), Has.Length.EqualTo(1).And.Some.Contains("delete route").And.Some.Contains("10.65.0.2/32"));
        _kernel.Refuse("10.65.0.2/32", Errno.NoProcess);
        Assert.That(() => _routes.Withdraw(FelixState.Endpoint("w1", "10.65.0.2/32", [])), Throws.Nothing, "it is gone already");
    }
}
