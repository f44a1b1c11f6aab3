using System.Net;
using System.Text;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>A node's addresses while the store is dead, loses an answer, or hangs.</summary>
[TestFixture, Parallelizable]
public sealed class UnansweredStoreTests
{
    [Test]
    public async Task With_a_dead_store_claims_come_from_the_reserve_and_are_replayed()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        var log = new InMemoryNodeLog();
        await using var ipam = cluster.NodeIpam("n", log, parked: 2);
        await ipam.MaintainAsync(default);
        var held = (await ipam.ClaimAsync("cni", Claim("old"), Endpoint("old"), null, default))[0];
        cluster.Store.Faults.Dead = true;

        // Whoever finds the store dead does not know what became of his transaction; from then on nothing is sent.
        await ipam.UnbindAsync("cni", Endpoint("finder"), [], new([new StoreOperation.Delete("/wep/finder")], []), default);
        await ipam.UnbindAsync("cni", Endpoint("old"), [held], new([new StoreOperation.Delete("/wep/old")], []), default);
        var leases = new List<AddressLease>();
        for (var i = 0; i < 3; i++)
        {
            leases.AddRange(await ipam.ClaimAsync("cni", Claim($"h{i}"), Endpoint($"w{i}"),
                l => new([new StoreOperation.Put($"/wep/{l[0].Handle}", Encoding.UTF8.GetBytes("x"))], []), default));
        }

        var problem = (await Assert.ThrowsAsync<CalicoException>(() => ipam.ClaimAsync("cni", Claim("h3"), null, null, default)))!;
        Assert.That(problem.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(leases[0].Address, Is.EqualTo(held.Address), "what was released here is used before what is parked");

        cluster.Store.Faults.Dead = false;
        await using var reborn = cluster.NodeIpam("n", log, parked: 2);
        await reborn.LoadAsync(default);
        await reborn.MaintainAsync(default);

        Assert.That(cluster.Disagreements(), Is.Empty);
        Assert.That(cluster.Allocations().Where(a => leases.Any(l => l.Address.ToString() == a.Key)).Select(a => a.Value),
            Is.EquivalentTo(new[] { "h0", "h1", "h2" }));
        Assert.That(cluster.Allocations().Values.Count(h => h == "parked.n"), Is.EqualTo(2));
        Assert.That(cluster.Store.Snapshot("/wep/").Select(k => k.Key), Is.EqualTo(new[] { "/wep/h0", "/wep/h1", "/wep/h2" }));
        var kept = await reborn.ListAsync("cni", null, default);
        Assert.That(kept.Select(l => l.Sequence), Is.EquivalentTo(leases.Select(l => l.Sequence)));
    }

    [Test]
    public async Task A_claim_whose_answer_was_lost_leaves_nothing_behind()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        var log = new InMemoryNodeLog();
        await using var ipam = cluster.NodeIpam("n", log, with: o => o with { ProbeInterval = TimeSpan.Zero });
        await ipam.ClaimAsync("cni", Claim("warm"), null, null, default);
        cluster.Store.Faults.OnCommit(1, StoreFault.AnswerLost);

        var problem = (await Assert.ThrowsAsync<CalicoException>(() => ipam.ClaimAsync("cni", Claim("h"), Endpoint("w"),
            _ => new([new StoreOperation.Put("/wep", Encoding.UTF8.GetBytes("x"))],
                [new NodeLogWrite("intent/w", Encoding.UTF8.GetBytes("x"))]), default)))!;
        Assert.That(problem.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(new[] { "warm", "h" }), "it took");

        await ipam.MaintainAsync(default);

        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(new[] { "warm" }));
        Assert.That(cluster.Store.Snapshot("/wep"), Is.Empty);
        Assert.That(log.Get("intent/w"), Is.Null);
        Assert.That(ipam.JournalLength, Is.Zero);
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task A_hanging_store_is_answered_from_the_reserve_after_the_patience()
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog(), parked: 1,
            with: o => o with { StorePatience = TimeSpan.FromMilliseconds(50), StoreDeadline = TimeSpan.FromSeconds(3) });
        await ipam.MaintainAsync(default);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Store.Faults.Use((kind, _) => kind == StoreCallKind.Commit && reached.TrySetResult() ? StoreFault.DoneThenHang
            : StoreFault.None);

        var claim = ipam.ClaimAsync("cni", Claim("h"), Endpoint("w"), null, default);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(20));
        time.Advance(TimeSpan.FromMilliseconds(50));
        var lease = (await claim.WaitAsync(TimeSpan.FromSeconds(20)))[0];

        time.Advance(TimeSpan.FromSeconds(3));
        await ipam.MaintainAsync(default);
        Assert.That(cluster.Allocations().Where(a => a.Value == "h").Select(a => a.Key), Is.EqualTo(new[] { lease.Address.ToString() }));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [TestCase(true)]
    [TestCase(false, Description = "an embedded store is slow, never away")]
    public async Task Behind_a_claim_that_a_distant_store_failed_the_next_is_refused_at_once_and_a_removal_is_done(bool isDistant)
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog(), with: o => o with
        {
            StorePatience = TimeSpan.FromMilliseconds(50), StoreDeadline = TimeSpan.FromSeconds(2),
                ProbeInterval = TimeSpan.FromSeconds(1), RefusesWhileResting = isDistant,
        });
        await ipam.MaintainAsync(default);
        var held = (await ipam.ClaimAsync("docker", Claim("held"), Endpoint("held"), null, default))[0];
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Store.Faults.Use((_, _) =>
        {
            reached.TrySetResult();
            return StoreFault.Hang;
        });
        var first = ipam.ClaimAsync("docker", Claim("first"), null, null, default);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(20));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(await UnavailableAsync(first), Is.True);

        // From here on the clock stands still.
        var second = ipam.ClaimAsync("docker", Claim("second"), null, null, default);
        if (isDistant)
        {
            Assert.That(await UnavailableAsync(second), Is.True);
        }
        else
        {
            Assert.That(second.IsCompleted, Is.False);
        }

        Assert.That(await ipam.ClaimAsync("docker", Claim("held"), Endpoint("held"), null, default), Has.Length.EqualTo(1),
            "what this node knows it answers");
        await ipam.UnbindAsync("docker", Endpoint("held"), [held], LeaseCompanion.None, default).WaitAsync(TimeSpan.FromSeconds(20));
        cluster.Store.Faults.Use((_, _) => StoreFault.None);
        time.Advance(TimeSpan.FromSeconds(2));
        await ipam.ClaimAsync("docker", Claim("third"), null, null, default).WaitAsync(TimeSpan.FromSeconds(20));
        await second.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Test]
    public async Task D_who_waits_behind_a_group_that_hangs_is_told_within_the_deadline_and_not_within_two()
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog(),
            with: o => o with { StorePatience = TimeSpan.FromMilliseconds(50), StoreDeadline = TimeSpan.FromSeconds(2) });
        await ipam.MaintainAsync(default);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Store.Faults.Use((_, _) =>
        {
            reached.TrySetResult();
            return StoreFault.Hang;
        });
        var first = ipam.ClaimAsync("cni", Claim("first"), null, null, default);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(20));
        time.Advance(TimeSpan.FromSeconds(0.5));
        var second = ipam.ClaimAsync("cni", Claim("second"), null, null, default);
        time.Advance(TimeSpan.FromSeconds(0.5));
        var third = ipam.ClaimAsync("cni", Claim("third"), null, null, default);

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await UnavailableAsync(first), Is.True);
        Assert.That(second.IsCompleted, Is.False, "it has half a second left, in which the store may come back");
        await AdvanceUntilAsync(time, second, TimeSpan.FromSeconds(0.55));
        Assert.That(await UnavailableAsync(second), Is.True);
        Assert.That(third.IsCompleted, Is.False);
        await AdvanceUntilAsync(time, third, TimeSpan.FromSeconds(0.55));
        Assert.That(await UnavailableAsync(third), Is.True);
    }

    private static async Task<bool> UnavailableAsync(Task claim) =>
        (await Assert.ThrowsAsync<CalicoException>(() => claim.WaitAsync(TimeSpan.FromSeconds(20))))!.Problem == Problem.Unavailable;

    /// <summary>Moves the clock in small steps, so that whoever begins to wait after one still gets the others.</summary>
    private static async Task AdvanceUntilAsync(FakeTimeProvider time, Task task, TimeSpan atMost)
    {
        var steps = 50;
        for (var i = 0; i < steps && !task.IsCompleted; i++)
        {
            await Task.WhenAny(task, Task.Delay(5));
            time.Advance(atMost / steps);
        }

        await Task.WhenAny(task, Task.Delay(TimeSpan.FromSeconds(5)));
        Assert.That(task.IsCompleted, Is.True, $"within {atMost}");
    }

    [TestCase("10.0.0.0/28", 28, 16)]
    [TestCase("fd00::/124", 124, 16)]
    public async Task A_pool_s_last_addresses_are_those_kept_for_a_store_that_is_away(string pool, int blockSize, int size)
    {
        var cluster = Create().Pool(pool, blockSize).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog(), parked: 8);
        await ipam.MaintainAsync(default);
        Assert.That(cluster.Allocations().Values, Is.All.EqualTo("parked.n"));
        var isV6 = pool.Contains(':', StringComparison.Ordinal);

        var leases = await Task.WhenAll(Enumerable.Range(0, size).Select(i =>
            ipam.ClaimAsync("cni", Claim($"h{i}", isV6 ? 0 : 1, isV6 ? 1 : 0), Endpoint($"w{i}"), null, default)));
        var more = Claim("one more", isV6 ? 0 : 1, isV6 ? 1 : 0);
        var refused = await Assert.ThrowsAsync<CalicoException>(() => ipam.ClaimAsync("cni", more, null, null, default));
        await ipam.MaintainAsync(default);

        Assert.That(refused!.Problem, Is.EqualTo(Problem.Exhausted));
        Assert.That(leases.Select(l => l[0].Address).Distinct().Count(), Is.EqualTo(size));
        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(Enumerable.Range(0, size).Select(i => $"h{i}")));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task The_reserve_is_given_by_the_rules_of_the_pool()
    {
        var cluster = Create().Pool("10.0.0.0/29", 29).Pool("10.0.1.0/29", 29, ""","nodeSelector":"has(nowhere)" """).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog(), parked: 8);
        await ipam.MaintainAsync(default);

        var elsewhere = Claim("h") with { Pools = ["10.0.1.0/29"] };
        Assert.That((await ipam.ClaimAsync("cni", elsewhere, null, null, default))[0].Address.ToString(), Does.StartWith("10.0.1."));
        var within = Claim("w") with { Within = IPNetwork.Parse("10.0.0.4/30") };
        for (var i = 0; i < 4; i++)
        {
            var lease = (await ipam.ClaimAsync("cni", within with { Handle = $"w{i}" }, null, null, default))[0];
            Assert.That(IPNetwork.Parse("10.0.0.4/30").Contains(lease.Address), Is.True);
        }

        var more = within with { Handle = "w4" };
        var refused = await Assert.ThrowsAsync<CalicoException>(() => ipam.ClaimAsync("cni", more, null, null, default));
        Assert.That(refused!.Problem, Is.EqualTo(Problem.Exhausted));
    }
}
