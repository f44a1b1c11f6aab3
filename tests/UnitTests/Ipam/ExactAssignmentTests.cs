using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>Addresses that the caller names: taken, freed, and what becomes of their block.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ExactAssignmentTests
{
    private const string Pools = "/calico/resources/v3/projectcalico.org/ippools/";

    private readonly SteppedTime _time = new();

    [Test]
    public async Task An_address_is_of_an_enabled_pool_and_for_a_use_that_it_allows()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30, ""","allowedUses":["Tunnel","LoadBalancer"]""").Pool("10.1.0.0/28", 30,
            ""","disabled":true""").Node("a");
        foreach (var outside in new[] { "10.1.0.1", "192.0.2.1" })
        {
            Assert.That(await RefusalAsync(cluster, new(Ip(outside), "a", "h")),
                Is.EqualTo((Problem.NotFound, $"{outside}: The provided IP address is not in a configured pool\n")));
        }

        Assert.That(await RefusalAsync(cluster, new(Ip("10.0.0.1"), "a", "h", IntendedUse.Workload)), Is.EqualTo((Problem.Invalid,
            "IP address 10.0.0.1 is in IP pool \"pool-10.0.0.0-28\", which is not allowed for use \"Workload\" "
                + "(allowedUses: [Tunnel LoadBalancer])")));
        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h"), default);
        await cluster.Client.AssignAsync(new(Ip("10.0.0.2"), "a", "h", IntendedUse.Tunnel), default);
        await cluster.Client.AssignAsync(new(Ip("10.0.0.5"), "a", "h", IntendedUse.LoadBalancer), default);
        Assert.That(cluster.Blocks().Select(b => $"{b.Cidr} {b.Affinity}"),
            Is.EqualTo(new[] { "10.0.0.0/30 host:a", "10.0.0.4/30 virtual:load-balancer" }));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task An_address_that_is_held_is_refused_with_its_holder()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Node("a").Node("b");
        var attributes = ImmutableSortedDictionary<string, string>.Empty.Add("node", "a");
        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h") { Attributes = attributes }, default);
        Assert.That(await RefusalAsync(cluster, new(Ip("10.0.0.1"), "a", "other")), Is.EqualTo((Problem.AlreadyExists,
            "resource already exists: 10.0.0.1 with error: Address already assigned in block (held by handle \"h\")")));
        Assert.That((await cluster.Client.AttributesOfAsync(Ip("10.0.0.1"), default)).Secondary, Is.EqualTo(attributes));
        await cluster.Client.AssignAsync(new(Ip("10.0.0.2"), "b", null), default);
        Assert.That(cluster.Blocks().Single().Affinity, Is.EqualTo("host:a"), "another host's is lent");
        Assert.That(cluster.Allocations(), Is.EquivalentTo(new Dictionary<string, string> { ["10.0.0.1"] = "h", ["10.0.0.2"] = "" }));
    }

    [Test]
    public async Task A_handle_has_no_more_than_its_most_of_a_family()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Pool("fd00::/120", 122).Node("a");
        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h", MaxPerHandle: 1), default);
        await cluster.Client.AssignAsync(new(Ip("fd00::1"), "a", "h", MaxPerHandle: 1), default);
        Assert.That(await RefusalAsync(cluster, new(Ip("10.0.0.2"), "a", "h", MaxPerHandle: 1)), Is.EqualTo((Problem.Exhausted,
            "handle h already has IP(s) allocated, cannot assign additional IP 10.0.0.2 (maxAllocPerIPVersion=1)")));
        await cluster.Client.AssignAsync(new(Ip("10.0.0.2"), "a", "h", MaxPerHandle: 2), default);
        await cluster.Client.AssignAsync(new(Ip("10.0.0.3"), "a", null, MaxPerHandle: 1), default);
        await cluster.Client.AssignAsync(new(Ip("10.0.0.4"), "a", "h"), default);
        Assert.That((await cluster.Client.AddressesOfAsync("h", default)).Length, Is.EqualTo(4));
    }

    [Test]
    public async Task Addresses_are_freed_all_or_none_and_those_that_were_free_are_told()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Node("a");
        foreach (var address in new[] { "10.0.0.1", "10.0.0.2", "10.0.0.5" })
        {
            await cluster.Client.AssignAsync(new(Ip(address), "a", "h" + address[^1]), default);
        }

        var refusal = await Assert.ThrowsAsync<CalicoException>(() =>
            cluster.Client.ReleaseAsync([new(Ip("10.0.0.1")), new(Ip("10.0.0.5"), "other")], default));
        Assert.That((refusal!.Problem, cluster.Allocations().Count), Is.EqualTo((Problem.Conflict, 3)));
        var free = await cluster.Client.ReleaseAsync([new(Ip("10.0.0.1")), new(Ip("10.0.0.5"), "h5"), new(Ip("10.0.0.3")),
            new(Ip("10.0.0.9")), new(Ip("10.0.0.1"))], default);
        Assert.That(free.Select(a => a.ToString()).Order(StringComparer.Ordinal), Is.EqualTo(new[] { "10.0.0.3", "10.0.0.9" }));
        Assert.That(cluster.Allocations(), Is.EquivalentTo(new Dictionary<string, string> { ["10.0.0.2"] = "h2" }));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [TestCase(null, null, true)]
    [TestCase(""","disabled":true""", null, false)]
    [TestCase(""","nodeSelector":"has(never)" """, null, false)]
    [TestCase(""","nodeSelector":"has(never)","assignmentMode":"Manual" """, null, true)]
    [TestCase(null, "node", false)]
    [TestCase(null, "pool", false)]
    public async Task A_block_that_becomes_empty_stays_its_hosts_while_its_pool_serves_it(string? change, string? gone, bool stays)
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Node("a");
        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h"), default);
        if (gone is not null)
        {
            cluster.Store.Remove(gone == "node" ? "/calico/resources/v3/projectcalico.org/nodes/a" : Pools + "pool-10.0.0.0-28");
        }
        else
        {
            cluster.Pool("10.0.0.0/28", 30, change ?? "");
        }

        await cluster.Client.ReleaseAsync([new(Ip("10.0.0.1"))], default);
        Assert.That((cluster.Blocks().Length, cluster.Store.Snapshot(IpamKeys.Hosts).Length), Is.EqualTo(stays ? (1, 1) : (0, 0)));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [TestCase("", 1)]
    [TestCase(""","disabled":true""", 0)]
    public async Task A_load_balancers_block_asks_no_node(string change, int left)
    {
        const string Use = ""","allowedUses":["LoadBalancer"]""";
        var cluster = Create(_time).Pool("10.0.0.0/28", 30, Use);
        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h", IntendedUse.LoadBalancer), default);
        cluster.Pool("10.0.0.0/28", 30, Use + change);
        await cluster.Client.ReleaseAsync([new(Ip("10.0.0.1"))], default);
        Assert.That(cluster.Blocks(), Has.Length.EqualTo(left));
    }

    [Test]
    public async Task A_block_without_a_host_vanishes_with_its_last_address()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Node("a");
        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h"), default);
        await cluster.Client.AssignAsync(new(Ip("10.0.0.2"), "a", "i"), default);
        await cluster.Client.ReleaseAffinityAsync(Cidr.Parse("10.0.0.0/30"), new("a"), mustBeEmpty: false, default);
        await cluster.Client.ReleaseAsync([new(Ip("10.0.0.1"))], default);
        Assert.That(cluster.Blocks().Single().Affinity, Is.Null);
        await cluster.Client.ReleaseByHandleAsync("i", default);
        Assert.That((cluster.Blocks().Length, cluster.Store.Snapshot(IpamKeys.Handles).Length), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task A_handle_goes_with_all_its_addresses_and_with_counts_that_no_block_bears_out()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Node("a");
        foreach (var address in new[] { "10.0.0.1", "10.0.0.2", "10.0.0.5" })
        {
            await cluster.Client.AssignAsync(new(Ip(address), "a", "h"), default);
        }

        await cluster.Client.ReleaseByHandleAsync("h", default);
        Assert.That((cluster.Allocations().Count, cluster.Store.Snapshot(IpamKeys.Handles).Length), Is.EqualTo((0, 0)));
        var missing = await Assert.ThrowsAsync<CalicoException>(() => cluster.Client.ReleaseByHandleAsync("h", default));
        Assert.That((missing!.Problem, missing.Message), Is.EqualTo((Problem.NotFound, "resource does not exist: IPAMHandle(h)")));
        cluster.Store.Set(IpamKeys.Handle("lost"),
            """{"handleID":"lost","block":{"10.0.0.0/30":2,"10.9.0.0/30":1,"nonsense":1},"deleted":false}""");
        await cluster.Client.ReleaseByHandleAsync("lost", default);
        Assert.That(cluster.Store.Snapshot(IpamKeys.Handles), Is.Empty);
    }

    [Test]
    public async Task With_a_cool_down_an_address_is_free_when_its_time_is_over()
    {
        var cluster = Create(_time).Pool("10.0.0.0/30", 30).Node("a");
        await cluster.Client.SetConfigAsync(IpamConfigValue.Default with { IpCooldownSeconds = 10 }, default);
        foreach (var release in new Func<Task>[]
        {
            async () => await cluster.Client.ReleaseAsync([new(Ip("10.0.0.1"))], default), () =>
                cluster.Client.ReleaseByHandleAsync("h", default),
        })
        {
            await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h"), default);
            await release();
            Assert.That((await RefusalAsync(cluster, new(Ip("10.0.0.1"), "a", "h"))).Problem, Is.EqualTo(Problem.AlreadyExists));
            Assert.That((await Assert.ThrowsAsync<CalicoException>(() =>
                cluster.Client.AttributesOfAsync(Ip("10.0.0.1"), default)))!.Message,
                Is.EqualTo("address 10.0.0.1 is in cooldown"));
            _time.Advance(TimeSpan.FromSeconds(10));
        }

        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h"), default);
    }

    [Test]
    public async Task An_address_in_a_block_of_another_size_is_found_there()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 29).Node("a");
        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "a", "h"), default);
        cluster.Pool("10.0.0.0/28", 30);
        Assert.That((await cluster.Client.AttributesOfAsync(Ip("10.0.0.1"), default)).HandleId, Is.EqualTo("h"));
        await cluster.Client.AssignAsync(new(Ip("10.0.0.5"), "a", "h"), default);
        Assert.That(cluster.Blocks().Single().Cidr.ToString(), Is.EqualTo("10.0.0.0/29"), "free addresses are taken from it too");
        cluster.Pool("10.0.0.0/28", 28);
        Assert.That(await RefusalAsync(cluster, new(Ip("10.0.0.9"), "a", "h")), Is.EqualTo((Problem.Conflict,
            "10.0.0.9 cannot be assigned: its block 10.0.0.0/28 would overlap block 10.0.0.0/29, "
                + "which is left from an earlier pool and whose addresses are in use")));
    }

    private static async Task<(Problem Problem, string Message)> RefusalAsync(IpamCluster cluster, AssignRequest request)
    {
        var refusal = (await Assert.ThrowsAsync<CalicoException>(() => cluster.Client.AssignAsync(request, default)))!;
        return (refusal.Problem, refusal.Message);
    }
}
