using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>An answer that does not wait for the store obeys the rules of one that does.</summary>
[TestFixture]
public sealed class OfflineRulesTests
{
    private const string Resources = "/calico/resources/v3/projectcalico.org/";
    private const string PoolKey = Resources + "ippools/pool-10.0.0.0-28";

    [TestCase("unchanged", ExpectedResult = 3)]
    [TestCase("disabled", ExpectedResult = 0)]
    [TestCase("deleted", ExpectedResult = 0)]
    [TestCase("block size", ExpectedResult = 0)]
    [TestCase("node selector", ExpectedResult = 0)]
    [TestCase("namespace selector", ExpectedResult = 0)]
    [TestCase("uses", ExpectedResult = 0)]
    [TestCase("mode", ExpectedResult = 0)]
    [TestCase("reserved", ExpectedResult = 0)]
    [TestCase("strict affinity, own block", ExpectedResult = 3)]
    [TestCase("cool-down", ExpectedResult = 2, Description = "what was released here has to rest; what is parked has not")]
    [TestCase("node's labels", ExpectedResult = 0)]
    public async Task<int> A6_what_the_store_would_refuse_is_refused_without_it_too(string change)
    {
        var cluster = Create().Pool("10.0.0.0/28", 28, ""","nodeSelector":"!has(off)" """).Node("n");
        await using var ipam = NodeIpam(cluster, "n");
        await ipam.MaintainAsync(default);
        var held = await ipam.ClaimAsync("cni", Claim("old"), Endpoint("old"), null, default);
        if (change.StartsWith("strict", StringComparison.Ordinal))
        {
            cluster.Store.Set("/calico/ipam/v2/config", """{"strict_affinity":true,"auto_allocate_blocks":true}""");
            await ipam.MaintainAsync(default);
        }

        cluster.Store.Faults.Dead = true;
        await ipam.UnbindAsync("cni", Endpoint("finder"), [], new([new StoreOperation.Delete("/wep/finder")], []), default);
        await ipam.UnbindAsync("cni", Endpoint("old"), held, LeaseCompanion.None, default);
        Apply(cluster.Store, change);

        return await CountAsync(ipam, 4);
    }

    [Test]
    public async Task A6_a_borrowed_reserve_is_not_given_out_under_strict_affinity()
    {
        var cluster = Create().Pool("10.0.0.0/28", 28).Node("n").Node("owner");
        await using var owner = NodeIpam(cluster, "owner");
        await owner.ClaimAsync("cni", Claim("first"), null, null, default);
        await using var ipam = NodeIpam(cluster, "n");
        await ipam.MaintainAsync(default);
        Assert.That(ipam.ParkedCount, Is.EqualTo(2), "borrowed");
        cluster.Store.Faults.Dead = true;
        cluster.Store.Set("/calico/ipam/v2/config", """{"strict_affinity":true,"auto_allocate_blocks":true}""");

        Assert.That(await CountAsync(ipam, 2), Is.Zero);
    }

    [Test]
    public async Task A6_an_exact_address_of_a_disabled_pool_is_refused_without_the_store_and_with_it()
    {
        var cluster = Create().Pool("10.0.0.0/28", 28).Node("n");
        await using var ipam = NodeIpam(cluster, "n");
        await ipam.MaintainAsync(default);
        var parked = Ip(cluster.Allocations().Keys.First());
        Apply(cluster.Store, "disabled");

        var problem = (await Assert.ThrowsAsync<CalicoException>(() =>
            ipam.ClaimAsync("cni", Claim("x", 0) with { Exact = [parked] }, null, null, default)))!;
        Assert.That(problem.Problem, Is.EqualTo(Problem.NotFound));
        cluster.Store.Faults.Dead = true;
        problem = (await Assert.ThrowsAsync<CalicoException>(() =>
            ipam.ClaimAsync("cni", Claim("x", 0) with { Exact = [parked] }, null, null, default)))!;
        Assert.That(problem.Problem, Is.EqualTo(Problem.Unavailable));
    }

    [Test]
    public async Task A6_the_parked_addresses_of_a_dead_pool_are_given_back_and_taken_from_another()
    {
        var cluster = Create().Pool("10.0.0.0/28", 28).Node("n");
        await using var ipam = NodeIpam(cluster, "n");
        await ipam.MaintainAsync(default);
        Assert.That(cluster.Allocations(), Has.Count.EqualTo(2));

        cluster.Store.Remove(PoolKey);
        await ipam.MaintainAsync(default);
        Assert.That(cluster.Allocations(), Is.Empty);
        Assert.That(cluster.Blocks(), Is.Empty, "the block of a pool that is gone goes with its last address");
        cluster.Pool("10.0.1.0/28", 28);
        await ipam.MaintainAsync(default);

        Assert.That(cluster.Allocations().Keys, Has.All.StartsWith("10.0.1.").And.Exactly(2).Items);
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task A6_the_rules_are_known_at_a_start_without_the_store()
    {
        var cluster = Create().Pool("10.0.0.0/28", 28).Pool("10.0.1.0/28", 28, ""","disabled":true""").Node("n");
        var log = new InMemoryNodeLog();
        await using (var before = cluster.NodeIpam("n", log, parked: 2))
        {
            await before.MaintainAsync(default);
            cluster.Store.Faults.Dead = true;
        }

        await using var ipam = cluster.NodeIpam("n", log, parked: 2);
        await ipam.LoadAsync(default);

        Assert.That((await ipam.ListPoolsAsync(default)).Select(p => (p.Name, p.Disabled)),
            Is.EqualTo(new[] { ("pool-10.0.0.0-28", false), ("pool-10.0.1.0-28", true) }));
        var problem = (await Assert.ThrowsAsync<CalicoException>(() =>
            ipam.ClaimAsync("cni", Claim("x") with { Pools = ["pool-10.0.1.0-28"] }, null, null, default)))!;
        Assert.That(problem.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(await CountAsync(ipam, 3), Is.EqualTo(2));
    }

    private static NodeIpam NodeIpam(IpamCluster cluster, string node) => cluster.NodeIpam(node, new InMemoryNodeLog(), parked: 2,
        with: o => o with { Facts = new StoreIpamFacts(new FollowedStore(cluster.Store)), ProbeInterval = TimeSpan.FromHours(1) });

    private static async Task<int> CountAsync(NodeIpam ipam, int attempts)
    {
        var given = 0;
        for (var i = 0; i < attempts; i++)
        {
            try
            {
                await ipam.ClaimAsync("cni", Claim($"new{i}"), Endpoint($"new{i}"), null, default);
                given++;
            }
            catch (CalicoException e) when (e.Problem == Problem.Unavailable)
            {
                // The store has to decide, and does not answer.
            }
        }

        return given;
    }

    private static void Apply(InMemoryStore store, string change)
    {
        string Pool(string more, int size = 28) =>
            $$"""{"kind":"IPPool","metadata":{"name":"pool-10.0.0.0-28"},"spec":{"cidr":"10.0.0.0/28","blockSize":{{size}}{{more}} } }""";
        switch (change)
        {
            case "disabled":
                store.Set(PoolKey, Pool(""","disabled":true"""));
                break;
            case "deleted":
                store.Remove(PoolKey);
                break;
            case "block size":
                store.Set(PoolKey, Pool("", 29));
                break;
            case "node selector":
                store.Set(PoolKey, Pool(""","nodeSelector":"rack == 'a'" """));
                break;
            case "namespace selector":
                store.Set(PoolKey, Pool(""","namespaceSelector":"team == 'a'" """));
                break;
            case "uses":
                store.Set(PoolKey, Pool(""","allowedUses":["Tunnel"]"""));
                break;
            case "mode":
                store.Set(PoolKey, Pool(""","assignmentMode":"Manual" """));
                break;
            case "reserved":
                store.Set(Resources + "ipreservations/r",
                    """{"kind":"IPReservation","metadata":{"name":"r"},"spec":{"reservedCIDRs":["10.0.0.0/24"]}}""");
                break;
            case "cool-down":
                store.Set("/calico/ipam/v2/config", """{"auto_allocate_blocks":true,"ipCooldownSeconds":60}""");
                break;
            case "node's labels":
                store.Set(Resources + "nodes/n", """{"kind":"Node","metadata":{"name":"n","labels":{"off":""}},"spec":{} }""");
                break;
            default:
                break;
        }
    }
}
