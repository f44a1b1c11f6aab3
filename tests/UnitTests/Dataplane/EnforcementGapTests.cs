using System.Collections.Immutable;
using System.Net;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Calico.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>Which connections are judged again, and which are ended, where the kernel itself shows no difference that would tell.</summary>
public sealed class EnforcementGapTests
{
    private static readonly DataplaneOptions Options = new() { NodeName = "node-a" };

    private static readonly LocalEndpoint A = new()
    {
        Id = new("cni", "a", "eth0"), InterfaceName = "calia", Addresses = [IPNetwork.Parse("10.65.0.2/32")], Profiles = ["net"],
    };

    private ManualTime _time = null!;
    private FakePolicyTable _table = null!;
    private FakeReconciler _routes = null!;
    private FakeConnections _connections = null!;
    private KeptLinks _links = null!;
    private LinkLedger _ledger = null!;
    private LoopInbox _inbox = null!;
    private LoopStatus _status = null!;
    private Enforcement _inside = null!;
    private long _revision;

    [SetUp]
    public void SetUp() => Begin(isInitial: true);

    private void Begin(bool isInitial)
    {
        (_time, _table, _connections, _links, _ledger) = (new(), new(Options), new(), new(), new());
        (_routes, _inbox, _status) = (new(isPolicyFree: false), new(), new());
        _inside = new(_inbox, _status, new(_table, [_table, _routes], _connections, () => null), (_links, _ledger), Options,
            isInitial, _time,
            NullLogger.Instance);
    }

    private void Store(params Rule[] ingress) => _inbox.Accept(
        new(SyncStatus.InSync, ++_revision, [new(Kinds.Profile.Key("net"), new Resource<ProfileSpec>
    {
        Kind = "Profile", Metadata = new() { Name = "net" }, Spec = new() { Ingress = [.. ingress], Egress = [new() { Action = "Allow" }] },
    })]));

    private LoopRequest.Publish Publish(LocalEndpoint endpoint)
    {
        var publish = new LoopRequest.Publish(endpoint);
        _inbox.Post(publish);
        return publish;
    }

    private LoopRequest.Withdraw Withdraw()
    {
        var withdraw = new LoopRequest.Withdraw(A.Id);
        _inbox.Post(withdraw);
        return withdraw;
    }

    /// <summary>The store is read and the endpoint enforced, and nothing is left to be judged.</summary>
    private void Settle(LocalEndpoint endpoint)
    {
        Store(new Rule { Action = "Allow" });
        Publish(endpoint);
        _inside.Turn();
        _inside.Turn();
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.That(_connections.Judged, Is.EqualTo(1), "the start's");
    }

    /// <summary>What began before this process, or while none ran, is nobody's to vouch for.</summary>
    [Test]
    public void After_a_start_that_finds_everything_in_place_connections_are_judged_once()
    {
        Settle(A);
        _inside.Turn();
        Assert.That(_connections.Judged, Is.EqualTo(1));
    }

    [Test]
    public async Task A_policy_that_needs_labels_which_are_to_come_closes_the_endpoint_and_what_began_is_judged_and_again_when_they_come()
    {
        var pending = A with { LabelsPending = true };
        Settle(pending);
        Store(new Rule { Action = "Allow", Destination = new() { Selector = "has(role)" } });
        _inside.Turn();
        Assert.That((_table.Policy.Find(A.Id)!.Gate, _connections.Judged), Is.EqualTo((Calico.Felix.Output.EndpointGate.NotLabelled, 2)));
        _inside.Turn();
        Assert.That(_connections.Judged, Is.EqualTo(2), "once");

        var known = Publish(A);
        _inside.Turn();
        Assert.That(await known.Done.Task, Is.EqualTo(EndpointState.Enforced));
        Assert.That(_connections.Judged, Is.EqualTo(3));
        Assert.That(_connections.Ended, Is.Empty, "it keeps its address");
    }

    [Test]
    public void A_gap_that_is_told_is_judged_once()
    {
        Settle(A);
        _inbox.Post(new LoopRequest.Gap());
        _inside.Turn();
        Assert.That(_connections.Judged, Is.EqualTo(2));
        _inside.Turn();
        Assert.That(_connections.Judged, Is.EqualTo(2));
    }

    /// <summary>It may have been undone by its author before the kernel was read.</summary>
    [Test]
    public void A_strangers_change_is_a_gap_although_nothing_of_it_is_left_and_who_comes_right_after_it_is_cut()
    {
        Settle(A);
        _inbox.Post(new LoopRequest.NftNotice(new(7, 4711, "nft", [_table.Policy.Ruleset.Table], Lost: false)));
        _inside.Turn();
        Assert.That(_connections.Judged, Is.EqualTo(2));
        Publish(A with { Id = new("cni", "b", "eth0"), InterfaceName = "calib", Addresses = [IPNetwork.Parse("10.65.0.3/32")] });
        _inside.Turn();
        Assert.That(_connections.Ended.Select(a => a.ToString()), Is.EqualTo(new[] { "10.65.0.3/32" }));

        _time.Advance(TimeSpan.FromSeconds(6));
        Publish(A with { Id = new("cni", "c", "eth0"), InterfaceName = "calic", Addresses = [IPNetwork.Parse("10.65.0.4/32")] });
        _inside.Turn();
        Assert.That(_connections.Ended, Has.Count.EqualTo(1), "long after it");
    }

    [Test]
    public void What_a_look_after_a_notice_says_was_a_gap_is_one()
    {
        Settle(A);
        _routes.Found = new(["link calia (name elsewhere)"], WasGap: true);
        _inbox.Post(new LoopRequest.RouteNotice(new RouteEvent.SettingsChanged(7)));
        _inside.Turn();
        Assert.That((_connections.Judged, _status.Current.Healed, _status.Current.LastHealed),
            Is.EqualTo((2, 1L, "link calia (name elsewhere)")));

        _routes.Found = new(["link calia (MTU 1300)"], WasGap: false);
        _inbox.Post(new LoopRequest.RouteNotice(new RouteEvent.SettingsChanged(7)));
        _inside.Turn();
        Assert.That((_connections.Judged, _status.Current.Healed), Is.EqualTo((2, 2L)));
    }

    [Test]
    public async Task An_address_that_is_given_up_before_the_first_comparison_is_cut([Values] bool storeIsRead)
    {
        Begin(isInitial: false);
        _inbox.Post(new LoopRequest.Initial([A]));
        if (!storeIsRead)
        {
            _inside.Turn();
        }
        else
        {
            Store();
        }

        var withdraw = Withdraw();
        _inside.Turn();
        await withdraw.Done.Task;
        Assert.That(_connections.Ended.Select(a => a.ToString()), Is.EqualTo(new[] { "10.65.0.2/32" }));
        Store();
        _inside.Turn();
        Assert.That(_connections.Ended, Has.Count.EqualTo(1), "once");
    }

    [Test]
    public async Task A_publication_that_is_withdrawn_before_the_store_was_read_is_answered_gone()
    {
        var publish = Publish(A);
        _inside.Turn();
        Assert.That(publish.Done.Task.IsCompleted, Is.False);
        var withdraw = Withdraw();
        _inside.Turn();
        Assert.That(withdraw.Done.Task.IsCompletedSuccessfully && publish.Done.Task.IsCompletedSuccessfully, Is.True);
        Assert.That(await publish.Done.Task, Is.EqualTo(EndpointState.Gone));
    }

    [Test]
    public void A_link_that_is_gone_is_told_by_the_name_that_was_its_own_and_forgotten()
    {
        var told = new List<string>();
        _status.LinkGone += (_, name) => told.Add(name);
        _links.Add(new("calia", 7, "calia a", 1450, HasIpv6: false));
        _ledger.Add("calia", 7, []);
        _inbox.Post(new LoopRequest.RouteNotice(new RouteEvent.LinkChanged(new LinkState { Index = 7, Name = "elsewhere" },
            Removed: true)));
        _inside.Turn();
        Assert.That(told, Is.EqualTo(new[] { "calia" }));
        Assert.That((_links.Find("calia"), _ledger.HasLink(7), _links.TakeMoved("calia")),
            Is.EqualTo(((KeptLink?)null, false, (int?)null)));
        Assert.That(_routes.Noticed, Is.Empty, "nothing is left to be put right");

        // One that nobody keeps is told by the name it had.
        _inbox.Post(new LoopRequest.RouteNotice(new RouteEvent.LinkChanged(new LinkState { Index = 8, Name = "calib" }, Removed: true)));
        _inside.Turn();
        Assert.That(told, Is.EqualTo(new[] { "calia", "calib" }));
    }

    [Test]
    public void A_link_that_was_moved_away_is_gone_and_its_index_is_kept_for_whoever_ends_its_endpoint()
    {
        _links.Add(new("calia", 7, "calia a", 1450, HasIpv6: false));
        _inbox.Post(new LoopRequest.RouteNotice(new RouteEvent.LinkChanged(new LinkState { Index = 7, Name = "calia", HasMoved = true },
            Removed: true)));
        _inside.Turn();
        Assert.That((_links.Find(7), _links.TakeMoved("calia")), Is.EqualTo(((KeptLink?)null, (int?)7)));
    }
}
