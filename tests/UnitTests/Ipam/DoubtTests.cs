using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>What a node gives out without the store while it does not know what the store holds: each case that random lives find once in a
/// thousand, made on purpose.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class DoubtTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public async Task A_late_transaction_cannot_take_after_its_doubt_was_settled()
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/24", 26).Node("n");
        var late = new LateStore(cluster.Store);
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog(), store: late,
            with: o => o with { StoreDeadline = TimeSpan.FromSeconds(1) });
        await ipam.ClaimAsync("cni", Claim("warm"), null, null, default);
        late.HoldNext = true;
        var claim = ipam.ClaimAsync("cni", Claim("h"), null, null, default);
        await late.Held.Task;
        time.Advance(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<CalicoException>(() => claim);

        await ipam.MaintainAsync(default);
        var outcome = await late.DeliverAsync();

        Assert.That(outcome.Succeeded, Is.False);
        Assert.That(cluster.Allocations().Values, Is.EqualTo(new[] { "warm" }));
    }

    [Test]
    public async Task D_a_claim_without_the_store_takes_no_address_of_a_claim_whose_answer_was_lost()
    {
        var cluster = Create(_time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = NodeIpam(cluster, new InMemoryNodeLog());
        await ipam.ClaimAsync("cni", Claim("warm"), null, null, default);
        cluster.Store.Faults.OnCommit(1, StoreFault.AnswerLost);
        await RefusedAsync(ipam.ClaimAsync("cni", Claim("lost"), null, null, default));
        var doubtful = Ip(cluster.Allocations().Single(a => a.Value == "lost").Key);
        cluster.Store.Faults.Dead = true;

        await RefusedAsync(ipam.ClaimAsync("cni", Claim("any"), null, null, default));
        await RefusedAsync(ipam.ClaimAsync("cni", Claim("exact", 0) with { Exact = [doubtful] }, null, null, default));
    }

    [Test]
    public async Task D_a_claim_without_the_store_takes_no_parked_address_that_a_transaction_is_about()
    {
        var cluster = Create(_time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = NodeIpam(cluster, new InMemoryNodeLog(), parked: 1);
        await ipam.LoadAsync(default);
        await ipam.MaintainAsync(default);
        var parked = Ip(cluster.Allocations().Single(a => a.Value == "parked.n").Key);
        var isCommitting = HangOneCommit(cluster);

        var first = ipam.ClaimAsync("cni", Claim("first", 0) with { Exact = [parked] }, null, null, default);
        await isCommitting;
        var second = ipam.ClaimAsync("cni", Claim("second"), null, null, default);
        await PassPatienceAsync(ipam);
        _time.Advance(Deadline);

        await RefusedAsync(first);
        Assert.That((await second)[0].Address, Is.Not.EqualTo(parked));
        await AssertSettledAsync(cluster, ipam, (await second)[0]);
    }

    [Test]
    public async Task D_a_claim_without_the_store_is_not_granted_an_address_that_a_transaction_is_about()
    {
        var cluster = Create(_time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = NodeIpam(cluster, new InMemoryNodeLog());
        var exact = Claim("former", 0) with { Exact = [Ip("10.0.0.7")] };
        await ipam.ClaimAsync("cni", exact, null, null, default);
        var isCommitting = HangOneCommit(cluster);

        var first = ipam.ClaimAsync("cni", exact with { Handle = "first" }, null, null, default);
        await isCommitting;
        var second = ipam.ClaimAsync("cni", exact with { Handle = "second" }, null, null, default);
        await PassPatienceAsync(ipam);
        Assert.That(second.IsCompleted, Is.False, "who has it, the store will say");
        _time.Advance(Deadline);

        await RefusedAsync(first);
        await AssertSettledAsync(cluster, ipam, (await second)[0]);
    }

    [Test]
    public async Task D_a_claim_without_the_store_is_not_granted_an_address_whose_replay_was_not_answered()
    {
        var cluster = Create(_time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = NodeIpam(cluster, new InMemoryNodeLog(), parked: 1);
        await ipam.LoadAsync(default);
        await ipam.MaintainAsync(default);
        cluster.Store.Faults.Dead = true;
        await ipam.UnbindAsync("cni", Endpoint("finder"), [], LeaseCompanion.None, default);
        var held = (await ipam.ClaimAsync("cni", Claim("first"), null, null, default))[0];

        // The store shows it as "first" from here on, which nobody here was told.
        cluster.Store.Faults.Dead = false;
        var isLost = false;
        cluster.Store.Faults.Use((_, transaction) => !isLost && (isLost = ChangesBlock(transaction)) ? StoreFault.AnswerLost
            : StoreFault.None);
        await ipam.MaintainAsync(default);
        Assert.That(cluster.Allocations()[held.Address.ToString()], Is.EqualTo("first"));
        cluster.Store.Faults.Dead = true;

        await RefusedAsync(ipam.ClaimAsync("cni", Claim("second", 0) with { Exact = [held.Address] }, null, null, default));
        cluster.Store.Faults.Dead = false;
        await AssertSettledAsync(cluster, ipam, held);
    }

    private static NodeIpam NodeIpam(IpamCluster cluster, InMemoryNodeLog log, int parked = 0) => cluster.NodeIpam("n", log, parked,
        with: o => o with { StorePatience = Patience, StoreDeadline = Deadline, ProbeInterval = TimeSpan.Zero });

    /// <summary>The next commit is done, and its answer does not come before the deadline.</summary>
    private static Task HangOneCommit(IpamCluster cluster)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Store.Faults.Use((kind, _) => kind == StoreCallKind.Commit && reached.TrySetResult() ? StoreFault.DoneThenHang
            : StoreFault.None);
        return reached.Task;
    }

    private static bool ChangesBlock(StoreTransaction? transaction) => transaction?.Success.OfType<StoreOperation.Put>()
        .Any(p => p.Key.StartsWith(IpamKeys.Assignments, StringComparison.Ordinal)) == true;

    /// <summary>Until all that waits has been tried without the store: what is asked later, and needs nothing, is answered.</summary>
    private async Task PassPatienceAsync(NodeIpam ipam)
    {
        _time.Advance(Patience);
        var later = ipam.UnbindAsync("cni", Endpoint("later"), [], LeaseCompanion.None, default);
        _time.Advance(Patience);
        await later;
    }

    private static async Task RefusedAsync(Task claim) =>
        Assert.That((await Assert.ThrowsAsync<CalicoException>(() => claim))!.Problem, Is.EqualTo(Problem.Unavailable));

    private static async Task AssertSettledAsync(IpamCluster cluster, NodeIpam ipam, AddressLease lease)
    {
        await ipam.MaintainAsync(default);
        Assert.That(cluster.Allocations().GetValueOrDefault(lease.Address.ToString()), Is.EqualTo(lease.Handle));
        Assert.That((await ipam.ListAsync("cni", lease.Handle, default)).Select(l => l.Address), Is.EqualTo(new[] { lease.Address }));
        Assert.That((ipam.JournalLength, cluster.Disagreements().Length), Is.EqualTo((0, 0)));
    }
}
