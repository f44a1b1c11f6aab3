using System.Collections.Immutable;
using System.Net;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux;
using Calico.Linux.Namespaces;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Calico.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>The inside of the loop, turn by turn, with a kernel that refuses when it is told to.</summary>
public sealed class EnforcementTests
{
    private static readonly DataplaneOptions Options = new() { NodeName = "node-a" };

    private NamespaceBroker _broker = null!;
    private ManualTime _time = null!;
    private FakeNftables _nftables = null!;
    private FakeReconciler _settings = null!;
    private FakeReconciler _routes = null!;
    private FakeConnections _connections = null!;
    private PolicyTable _table = null!;
    private LoopInbox _inbox = null!;
    private LoopStatus _status = null!;
    private Enforcement _inside = null!;
    private TaskCompletionSource _grace = new();
    private long _revision = 7;

    [SetUp]
    public void SetUp()
    {
        (_broker, _time, _nftables, _connections) = (new(), new(), new(), new());
        (_settings, _routes, _inbox, _status) = (new(isPolicyFree: true), new(isPolicyFree: false), new(), new());
        _table = Table();
        _inside = new(_inbox, _status, new(_table, [_settings, _table, _routes], _connections, () => null), (new(), new()), Options,
            isInitial: true, _time, NullLogger.Instance);
    }

    [TearDown]
    public void TearDown()
    {
        _table.Dispose();
        _broker.Dispose();
    }

    private PolicyTable Table() =>
        new(_nftables, new HostNetwork(_broker), new(_ => (_grace = new()).Task, _inbox.Wake), Options, NullLogger.Instance);

    private LoopRequest.Publish Publish(string name = "a", int last = 2)
    {
        _inbox.Accept(new(SyncStatus.InSync, 7, [new(Kinds.Profile.Key("open"), new Resource<ProfileSpec>
        {
            Kind = "Profile", Metadata = new() { Name = "open" },
                Spec = new() { Ingress = [new() { Action = "Allow" }], Egress = [new() { Action = "Allow" }] },
        })]));
        var publish = PublishOnly(name, last);
        _inbox.Post(publish);
        return publish;
    }

    private static LoopRequest.Publish PublishOnly(string name, int last) => new(new()
    {
        Id = new("cni", name, "eth0"), InterfaceName = "cali" + name, Addresses = [IPNetwork.Parse($"10.65.0.{last}/32")],
            Profiles = ["open"],
    });

    private SyncBatch Policies(string selector, params string[] labels) => new(SyncStatus.InSync, ++_revision,
        [new(Kinds.Profile.Key("open"), new Resource<ProfileSpec>
    {
        Kind = "Profile",
        Metadata = new() { Name = "open" },
        Spec = new()
        {
            Ingress = [new() { Action = "Deny", Source = new() { Selector = selector } },
                new() { Action = "Deny", Source = new() { NotSelector = "has(known)" } }],
            Egress = [new() { Action = "Allow" }],
            LabelsToApply = labels.ToImmutableSortedDictionary(l => l, _ => ""),
        },
    })]);

    [Test]
    public async Task A_revision_is_in_force_when_what_it_takes_away_has_left_and_an_endpoint_when_its_address_waits_for_nothing()
    {
        _inbox.Accept(Policies("has(red)", "red"));
        _inbox.Post(PublishOnly("a", 2));
        _inside.Turn();
        Assert.That(_status.Current.EnforcedRevision, Is.EqualTo(8));

        // Its label goes: it leaves a set.
        _inbox.Accept(Policies("has(red)"));
        _inside.Turn();
        Assert.That((_status.Current.InSync, _status.Current.EnforcedRevision), Is.EqualTo((true, 8L)));
        _grace.SetResult();
        _inside.Turn();
        Assert.That(_nftables.Commits[^1], Has.One.Contains("delete elements of set s4-"));
        Assert.That(_status.Current.EnforcedRevision, Is.EqualTo(9));

        // One that comes to a set which is asked for absence.
        _inbox.Accept(Policies("has(red)", "known"));
        var publish = PublishOnly("b", 3);
        _inbox.Post(publish);
        _inside.Turn();
        Assert.That((publish.Done.Task.IsCompleted, _status.Current.EnforcedRevision), Is.EqualTo((false, 9L)));
        _grace.SetResult();
        _inside.Turn();
        Assert.That(_nftables.Commits[^1], Has.One.Contains("add elements of set s4-"));
        Assert.That(await publish.Done.Task, Is.EqualTo(EndpointState.Enforced));
        Assert.That(_status.Current.EnforcedRevision, Is.EqualTo(10));
    }

    [Test]
    public async Task A_refused_commit_is_read_and_tried_again_with_growing_pauses_and_after_three_the_table_is_made_anew()
    {
        _nftables.Refuse(Errno.Busy, times: 4);
        var publish = Publish();
        double[] pauses = [100, 200, 400, 800];
        foreach (var (pause, i) in pauses.Select((p, i) => (p, i)))
        {
            Assert.That(_inside.Turn().TotalMilliseconds, Is.EqualTo(pause));
            Assert.That((_status.Current.InSync, publish.Done.Task.IsCompleted, _nftables.Reads), Is.EqualTo((false, false, i + 1)));
            Assert.That(_status.Current.LastError, Does.Contain("errno 16").Or.Contain("busy").IgnoreCase);
            Assert.That(_nftables.Commits[^1].Contains("delete table inet calico"), Is.EqualTo(i >= 3), $"attempt {i + 1}");
        }

        Assert.That(_inside.Turn(), Is.EqualTo(Options.SettingsInterval));
        Assert.That(await publish.Done.Task, Is.EqualTo(EndpointState.Enforced));
        Assert.That((_status.Current.InSync, _status.Current.LastError, _status.Current.EnforcedRevision),
            Is.EqualTo((true, (string?)null, 7L)));
        Assert.That(_connections.Judged, Is.EqualTo(1), "what began meanwhile");
        Assert.That(_nftables.Commits[^1], Does.Contain("delete table inet calico"));

        // And counting begins anew.
        Publish("b", 3);
        _nftables.Refuse(Errno.Busy, times: 1);
        Assert.That(_inside.Turn().TotalMilliseconds, Is.EqualTo(100));
        _inside.Turn();
        Assert.That(_nftables.Commits[^1], Does.Not.Contain("delete table inet calico"));
    }

    [TestCase("settings"), TestCase("no message")]
    [TestCase("table read")]
    [TestCase("table commit")]
    [TestCase("connections")]
    [TestCase("routes read"), TestCase("routes commit")]
    public async Task Whatever_step_is_refused_everything_is_doubted_said_and_done_again(string step)
    {
        // First all is well, then one step is refused.
        var first = Publish();
        _inside.Turn();
        await first.Done.Task;
        var (second, reads) = (Publish("b", 3), _nftables.Reads);
        switch (step)
        {
            case "settings": _settings.Refused = "commit"; break;
            case "no message": (_routes.Refused, _routes.Refusal) = ("commit", new ArgumentException("no link has such a name")); break;
            case "table read": _nftables.RefuseReading = true; _table.Doubt(); break;
            case "table commit": _nftables.Refuse(Errno.Invalid, 1); break;
            case "connections": _connections.IsRefused = true; break;
            case "routes read": _routes.Refused = "read"; break;
            default: _routes.Refused = "commit"; break;
        }

        Assert.That(_inside.Turn().TotalMilliseconds, Is.EqualTo(100));
        Assert.That((_status.Current.InSync, second.Done.Task.IsCompleted), Is.EqualTo((false, false)));
        Assert.That(_status.Current.LastError, Is.Not.Null);
        Assert.That((_settings.IsDoubted, _routes.IsDoubted), Is.EqualTo((true, true)));

        _inside.Turn();
        Assert.That(await second.Done.Task, Is.EqualTo(EndpointState.Enforced));
        Assert.That((_status.Current.InSync, _status.Current.LastError), Is.EqualTo((true, (string?)null)));
        Assert.That(_nftables.Reads, Is.GreaterThan(reads), "the kernel was read");
        Assert.That((_settings.IsDoubted, _routes.IsDoubted), Is.EqualTo((false, false)));
        Assert.That(_connections.Judged, Is.EqualTo(2), "the start's, and this gap's");
        Assert.That(_routes.Applied.OfType<EndpointUpdate>().Select(e => e.InterfaceName), Is.EqualTo(new[] { "calia", "calib" }),
            "told once");
    }

    [Test]
    public async Task A_table_that_another_owns_closes_workloads_and_is_tried_every_second()
    {
        _nftables.Owner = 4_000_000_000;
        _nftables.Refuse(Errno.NotPermitted, 1);
        var publish = Publish();
        Assert.That(_inside.Turn(), Is.EqualTo(TimeSpan.FromSeconds(1)));
        Assert.That(_status.Current.LastError,
            Does.Contain("table inet calico is owned by").And.Contain("port 4000000000").And.Contain("calico-closed"));
        Assert.That(_nftables.Commits[^1], Has.Some.Contains("calico-closed"));
        (_nftables.Owner, var closed) = (null, _nftables.Commits.Count);
        _inside.Turn();
        Assert.That(await publish.Done.Task, Is.EqualTo(EndpointState.Enforced));
        Assert.That(_nftables.Commits.Skip(closed).Select(c => c.Any(r => r.Contains("calico-closed", StringComparison.Ordinal))),
            Is.EqualTo(new[] { false, true }), "opened after ours stands");
    }

    /// <summary>A stranger's change between reading and commit is not written over by a difference that does not know it.</summary>
    [Test]
    public void A_commit_after_a_reading_insists_on_the_generation_that_was_read_and_others_on_none()
    {
        _nftables.Holds = new() { Table = _table.Policy.Ruleset.Table, Generation = 41 };
        Publish();
        _inside.Turn();
        Assert.That(_nftables.Generations, Is.EqualTo(new uint?[] { 41, 42 }), "new chains, then what leads there");
        Publish("b", 3);
        _inside.Turn();
        Assert.That(_nftables.Generations.Skip(2), Is.Not.Empty.And.All.Null);
    }

    /// <summary>Nothing else tells what was in them.</summary>
    [Test]
    public void B6_lost_notices_lead_to_a_reading_at_once()
    {
        Publish();
        _inside.Turn();
        var (reads, noticed) = (_nftables.Reads, _routes.Noticed.Count);
        _inside.Turn();
        Assert.That(_nftables.Reads, Is.EqualTo(reads), "a turn alone reads nothing");

        var sieve = new NoticeSieve(Options, [_table.Policy.Ruleset.Table, _table.ClosingTable], new(), _ => false, _ => false);
        var lost = new NftChange(0, 0, "", [], Lost: true);
        Assert.That(sieve.Concerns(lost), Is.True);
        Assert.That(sieve.Concerns(lost with { Lost = false, Tables = [new(NftFamily.Inet, "theirs")] }), Is.False);
        Assert.That(sieve.Concerns(lost with { Lost = false, Tables = [new(NftFamily.Inet, "calico")] }), Is.True);
        Assert.That(sieve.Concerns(new RouteEvent.Lost()), Is.True);
        _inbox.Post(new LoopRequest.NftNotice(lost));
        _inside.Turn();
        Assert.That(_nftables.Reads, Is.EqualTo(reads + 1));

        _inbox.Post(new LoopRequest.RouteNotice(new RouteEvent.Lost()));
        _inside.Turn();
        Assert.That(_routes.Noticed.Skip(noticed).Single(), Is.InstanceOf<RouteEvent.Lost>());
        Assert.That(_settings.Noticed, Has.Some.InstanceOf<RouteEvent.Lost>());
    }

    [Test]
    public void Everything_is_doubted_at_each_audit_and_the_settings_at_their_own_interval()
    {
        Publish();
        _inside.Turn();
        var reads = _nftables.Reads;
        _time.Advance(Options.SettingsInterval);
        _inside.Turn();
        Assert.That((_settings.Doubts, _nftables.Reads), Is.EqualTo((1, reads)));
        _time.Advance(Options.AuditInterval);
        _inside.Turn();
        Assert.That(_nftables.Reads, Is.EqualTo(reads + 1));
        Assert.That(_routes.Doubts, Is.EqualTo(1));
    }
}
