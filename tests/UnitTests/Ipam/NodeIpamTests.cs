using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

[TestFixture, Parallelizable]
public sealed class NodeIpamTests
{
    [Test]
    public async Task A_claim_on_a_held_block_is_one_transaction_with_its_companions_and_no_read()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        var log = new InMemoryNodeLog();
        await using var ipam = cluster.NodeIpam("n", log);
        await ipam.ClaimAsync("cni", Claim("warm"), null, null, default);
        var (commits, reads, lists) = Counts(cluster);

        var leases = await ipam.ClaimAsync("cni", Claim("h"), Endpoint("w"), l => new(
            [new StoreOperation.Put("/wep", Encoding.UTF8.GetBytes(l[0].Address.ToString()))],
            [new NodeLogWrite("intent/w", Encoding.UTF8.GetBytes("yes"))]), default);

        Assert.That(Counts(cluster), Is.EqualTo((commits + 1, reads, lists)));
        Assert.That(Text(cluster.Store.Snapshot("/wep")[0].Value), Is.EqualTo(leases[0].Address.ToString()));
        Assert.That(log.Get("intent/w"), Is.Not.Null);
        Assert.That(cluster.Store.Snapshot("/wep")[0].ModRevision,
            Is.EqualTo(cluster.Store.Snapshot("/calico/ipam/v2/handle/h")[0].ModRevision));
        Assert.That(leases[0].BoundTo, Is.EqualTo(Endpoint("w")));
    }

    [Test]
    public async Task An_answer_without_the_store_is_not_changed_by_the_plan_that_it_overtook()
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/24", 26).Node("n");
        var log = new SlowLog();
        await using var ipam = cluster.NodeIpam("n", log, parked: 2, with: o => o with { StorePatience = TimeSpan.FromSeconds(1) });
        await ipam.LoadAsync(default);
        await ipam.MaintainAsync(default);
        var (isPlanning, mayGoOn) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously),
            new ManualResetEventSlim());
        var plans = new ConcurrentQueue<IPAddress>();

        var claim = ipam.ClaimAsync("cni", Claim("h"), Endpoint("w"), leases =>
        {
            plans.Enqueue(leases[0].Address);
            if (plans.Count == 1)
            {
                // The store's plan is nearly made when patience ends.
                isPlanning.SetResult();
                mayGoOn.Wait();
                return new LeaseCompanion<IPAddress>(leases[0].Address, new([], [new NodeLogWrite("intent/overtaken", "yes"u8.ToArray())]));
            }

            return new(leases[0].Address, LeaseCompanion.None);
        }, default);
        await isPlanning.Task;
        log.Gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        time.Advance(TimeSpan.FromSeconds(1));
        await log.Reached.Task;
        var lookedUp = log.LookedUp;
        mayGoOn.Set();
        // A plan that is made looks up what it would write over. Then the answer's record reaches the disk.
        for (var left = 2000; log.LookedUp == lookedUp; left--)
        {
            Assert.That(left, Is.Positive, "the overtaken plan was not made within 20 s");
            await Task.Delay(10);
        }

        log.Gate.SetResult();

        var answer = (await claim).Leases[0].Address;
        Assert.That((await claim).Made, Is.EqualTo(answer), "what the caller keeps is of the plan that was done");
        Assert.That(plans, Has.Count.EqualTo(2));
        Assert.That(log.Get("intent/overtaken"), Is.Null);
        Assert.That(answer, Is.EqualTo(plans.Last()).And.Not.EqualTo(plans.First()));
        Assert.That(log.List("ipam/lease/").Single().Key, Is.EqualTo($"ipam/lease/{answer}"));
        await ipam.MaintainAsync(default);
        Assert.That(cluster.Allocations()[answer.ToString()], Is.EqualTo("h"));
    }

    [Test]
    public async Task A_hundred_claims_at_once_are_a_few_transactions_and_no_address_twice()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());

        var leases = await Task.WhenAll(Enumerable.Range(0, 100)
            .Select(i => ipam.ClaimAsync("cni", Claim($"h{i}"), Endpoint($"w{i}"), null, default)));

        Assert.That(leases.Select(l => l[0].Address).Distinct().Count(), Is.EqualTo(100));
        Assert.That(Counts(cluster).Commits, Is.LessThan(12));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task The_same_handle_again_has_the_same_addresses_even_if_the_log_was_lost()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Pool("fd00::/120", 122).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var first = await ipam.ClaimAsync("cni", Claim("h", 1, 1), null, null, default);
        var again = await ipam.ClaimAsync("cni", Claim("h", 1, 1), null, null, default);

        await using var reborn = cluster.NodeIpam("n", new InMemoryNodeLog());
        var later = await reborn.ClaimAsync("cni", Claim("h", 1, 1), null, null, default);

        Assert.That(again.Select(l => (l.Address, l.Sequence)), Is.EqualTo(first.Select(l => (l.Address, l.Sequence))));
        Assert.That(later.Select(l => (l.Address, l.Sequence)), Is.EqualTo(first.Select(l => (l.Address, l.Sequence))));
        Assert.That(cluster.Allocations(), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_claim_of_both_families_that_lacks_one_takes_nothing()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Pool("fd00::/126", 126).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.ClaimAsync("cni", Claim("all", 0, 4), null, null, default);

        var problem = (await Assert.ThrowsAsync<CalicoException>(() => ipam.ClaimAsync("cni", Claim("h", 1, 1), null, null, default)))!;

        Assert.That(problem.Problem, Is.EqualTo(Problem.Exhausted));
        Assert.That(problem.Message, Is.EqualTo("Assigned 0 out of 1 requested IPv6 addresses; No IPs available in pools: [fd00::/126]"));
        Assert.That(cluster.Allocations().Values, Is.All.EqualTo("all"));
    }

    [Test]
    public async Task An_exact_address_is_granted_again_to_its_adapter_until_it_is_bound()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var exact = Claim("a", 0) with { Exact = [Ip("10.0.0.7")] };
        var first = await ipam.ClaimAsync("docker", exact, null, null, default);
        var second = await ipam.ClaimAsync("docker", exact with { Handle = "b" }, null, null, default);
        await ipam.BindAsync("docker", [Ip("10.0.0.7")], "b", Endpoint("w"), null, default);

        var problem = (await Assert.ThrowsAsync<CalicoException>(() =>
            ipam.ClaimAsync("docker", exact with { Handle = "c" }, null, null, default)))!;
        var foreign = (await Assert.ThrowsAsync<CalicoException>(() =>
            ipam.BindAsync("docker", [Ip("10.0.0.7")], "b", Endpoint("other"), null, default)))!;

        Assert.That(problem.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(foreign.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(second[0].Sequence, Is.GreaterThan(first[0].Sequence));
        Assert.That(cluster.Allocations(), Is.EqualTo(ImmutableSortedDictionary<string, string>.Empty.Add("10.0.0.7", "b")));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task A_release_that_names_a_former_owner_frees_nothing()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var exact = Claim("a", 0) with { Exact = [Ip("10.0.0.7")] };
        var first = (await ipam.ClaimAsync("docker", exact, null, null, default))[0];
        Assert.That(await ipam.ReleaseAsync("docker", first, default), Is.EqualTo(ReleaseOutcome.Released));
        var second = (await ipam.ClaimAsync("docker", exact, null, null, default))[0];

        Assert.That(await ipam.ReleaseAsync("docker", first, default), Is.EqualTo(ReleaseOutcome.NotYours));
        Assert.That(await ipam.ReleaseAsync("mesos", second, default), Is.EqualTo(ReleaseOutcome.NotYours));
        Assert.That(await ipam.ReleaseAsync("docker", second, default), Is.EqualTo(ReleaseOutcome.Released));
        Assert.That(await ipam.ReleaseAsync("docker", second, default), Is.EqualTo(ReleaseOutcome.AlreadyFree));
    }

    [Test]
    public async Task A_bound_lease_is_released_when_its_endpoint_goes()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var lease = (await ipam.ClaimAsync("mesos", Claim("h", purpose: LeasePurpose.Scheduler), Endpoint("w"), null, default))[0];

        Assert.That(await ipam.ReleaseAsync("mesos", lease, default), Is.EqualTo(ReleaseOutcome.Deferred));
        Assert.That(cluster.Allocations(), Has.Count.EqualTo(1));
        await ipam.UnbindAsync("mesos", Endpoint("w"), [lease], LeaseCompanion.None, default);

        Assert.That(cluster.Allocations(), Is.Empty);
        Assert.That(await ipam.ListAsync(null, null, default), Is.Empty);
    }

    [Test]
    public async Task A_schedulers_lease_is_bound_on_another_node_and_outlives_the_endpoint()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("m").Node("w");
        await using var manager = cluster.NodeIpam("m", new InMemoryNodeLog());
        await using var worker = cluster.NodeIpam("w", new InMemoryNodeLog());
        var lease = (await manager.ClaimAsync("docker", Claim("task", purpose: LeasePurpose.Scheduler), null, null, default))[0];

        var bound = await worker.BindAsync("docker", [lease.Address], "x", Endpoint("w"), null, default);
        await worker.UnbindAsync("docker", Endpoint("w"), bound, LeaseCompanion.None, default);

        Assert.That(cluster.Allocations().Values, Is.EqualTo(new[] { "task" }));
        Assert.That(await manager.ReleaseAsync("docker", lease, default), Is.EqualTo(ReleaseOutcome.Released));
        Assert.That(cluster.Allocations(), Is.Empty);
    }

    [Test]
    public async Task An_unbound_lease_is_collected_by_age_whatever_the_clock_does()
    {
        var time = new FakeTimeProvider();
        var clock = new JumpingClock(time);
        var cluster = Create(clock).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.ClaimAsync("cni", Claim("unbound"), null, null, default);
        await ipam.ClaimAsync("cni", Claim("network", purpose: LeasePurpose.Network), null, null, default);
        await ipam.ClaimAsync("cni", Claim("bound"), Endpoint("w"), null, default);
        await ipam.MaintainAsync(default);
        clock.Jump = TimeSpan.FromDays(1000);
        await ipam.MaintainAsync(default);
        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(new[] { "unbound", "network", "bound" }),
            "the clock jumped, nothing aged");

        time.Advance(TimeSpan.FromMinutes(10));
        await ipam.MaintainAsync(default);

        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(new[] { "network", "bound" }));
    }

    [Test]
    public async Task An_address_freed_just_now_is_assigned_last_but_on_demand()
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/30", 30).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var all = await ipam.ClaimAsync("cni", Claim("a", 4), null, null, default);
        await ipam.ReleaseAsync("cni", all[2], default);
        time.Advance(TimeSpan.FromSeconds(31));
        await ipam.ReleaseAsync("cni", all[1], default);

        Assert.That((await ipam.ClaimAsync("cni", Claim("b", 0) with { Exact = [all[1].Address] }, null, null, default))[0].Address,
            Is.EqualTo(all[1].Address));
        Assert.That((await ipam.ClaimAsync("cni", Claim("c"), null, null, default))[0].Address, Is.EqualTo(all[2].Address));
    }

    [Test]
    public async Task One_companion_that_the_store_refuses_fails_alone()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.ClaimAsync("cni", Claim("warm"), null, null, default);
        LeaseCompanion Twice(ImmutableArray<AddressLease> _) => new(
            [new StoreOperation.Put("/x", default), new StoreOperation.Delete("/x")], []);

        var claims = Enumerable.Range(0, 10)
            .Select(i => ipam.ClaimAsync("cni", Claim($"h{i}"), null, i == 5 ? Twice : null, default)).ToArray();

        await Assert.ThrowsAsync<CalicoException>(() => claims[5]);
        await Task.WhenAll(claims.Where((_, i) => i != 5));
        Assert.That(cluster.Allocations(), Has.Count.EqualTo(10));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A10_a_claim_that_finds_its_block_gone_gives_out_no_address_that_is_in_use_here(bool ofAll)
    {
        var cluster = Create().Pool("10.0.0.0/28", 28).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var held = (await ipam.ClaimAsync("cni", Claim("a"), Endpoint("a"), null, default))[0];
        foreach (var key in cluster.Store.Snapshot(ofAll ? "/calico/ipam/" : "/calico/ipam/v2/assignment/"))
        {
            cluster.Store.Remove(key.Key);
        }

        var next = (await ipam.ClaimAsync("cni", Claim("b"), Endpoint("b"), null, default))[0];

        Assert.That(next.Address, Is.Not.EqualTo(held.Address));
        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(new[] { "a", "b" }));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task A10_a_block_that_the_watch_shows_without_a_lease_is_mended_before_anything_else()
    {
        var cluster = Create().Pool("10.0.0.0/28", 28).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.LoadAsync(default);
        var held = (await ipam.ClaimAsync("cni", Claim("a"), Endpoint("a"), null, default))[0];
        var (cidr, seen) = Seen(cluster);
        Assert.That(ipam.Observe(cidr, seen), Is.False, "all is there");
        await cluster.Client.ReleaseAsync([new(held.Address)], default);
        await cluster.Client.AssignAsync(new(Ip("10.0.0.9"), "n", "other"), default);

        var (_, without) = Seen(cluster);
        Assert.That(ipam.Observe(cidr, without), Is.True);
        Assert.That(ipam.IsSettled, Is.False);
        await ipam.MaintainAsync(default);

        Assert.That(ipam.IsSettled, Is.True);
        Assert.That(cluster.Allocations()[held.Address.ToString()], Is.EqualTo("a"));
        Assert.That(ipam.Observe(cidr, without), Is.False, "a state before the lease was taken again says nothing");
        Assert.That(ipam.Observe(cidr, null), Is.True, "a deleted block");
    }

    [Test]
    public async Task B7_a_live_address_that_a_person_freed_is_taken_again()
    {
        var cluster = Create().Pool("10.0.0.0/28", 28).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.LoadAsync(default);
        var held = (await ipam.ClaimAsync("cni", Claim("a"), Endpoint("a"), null, default))[0];
        await cluster.Client.ReleaseAsync([new(held.Address)], default);
        Assert.That(cluster.Allocations(), Is.Empty);

        ipam.Observe("10.0.0.0/28", cluster.Blocks().IsEmpty ? null : Seen(cluster).Spec);
        await ipam.MaintainAsync(default);

        Assert.That(cluster.Allocations()[held.Address.ToString()], Is.EqualTo("a"));
        Assert.That((await ipam.ListAsync(null, null, default)).Single().Sequence, Is.EqualTo(held.Sequence),
            "for its adapter it is the same lease");
        Assert.That(await ipam.ReleaseAsync("cni", held, default), Is.EqualTo(ReleaseOutcome.Deferred));
    }

    private static (string Cidr, IpamBlockSpec Spec) Seen(IpamCluster cluster)
    {
        var spec = ResourceJson.Read<IpamBlockSpec>(cluster.Store.Snapshot("/calico/ipam/v2/assignment/").Single().Value.Span);
        return (spec.Cidr, spec);
    }

    private static (int Commits, int Reads, int Lists) Counts(IpamCluster cluster) =>
        (cluster.Store.Faults.Count(StoreCallKind.Commit), cluster.Store.Faults.Count(StoreCallKind.Get),
            cluster.Store.Faults.Count(StoreCallKind.List));

    private sealed class JumpingClock(FakeTimeProvider inner) : TimeProvider
    {
        public TimeSpan Jump { get; set; }

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Jump;

        public override long GetTimestamp() => inner.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            inner.CreateTimer(callback, state, dueTime, period);
    }
}
