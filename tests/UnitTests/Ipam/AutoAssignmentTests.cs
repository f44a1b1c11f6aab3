using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>Which addresses a host gets that chooses none, from which blocks, and what it is told when there are fewer.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AutoAssignmentTests
{
    private const string Pools = "/calico/resources/v3/projectcalico.org/ippools/";

    private readonly SteppedTime _time = new();

    [Test]
    public async Task Addresses_come_from_the_hosts_blocks_then_new_ones_then_those_of_others()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Node("a").Node("b");
        await AssignAsync(cluster, Request("b", 1));
        var first = await AssignAsync(cluster, Request("a", 1));
        var rest = await AssignAsync(cluster, Request("a", 14));
        Assert.That(first.Blocks.Concat(rest.Blocks).Take(4).Distinct().Count(), Is.EqualTo(1), "the rest of its own block first");
        var owners = cluster.Blocks().ToDictionary(b => b.Cidr, b => b.Affinity);
        Assert.That(rest.Blocks.Select(b => owners[b]), Is.EqualTo(Enumerable.Repeat("host:a", 11).Concat(Enumerable.Repeat("host:b", 3))));
        Assert.That((rest.Addresses.Length, rest.Requested, rest.Messages.Length, rest.Shortfall), Is.EqualTo((14, 14, 0, (string?)null)));
        var none = await AssignAsync(cluster, Request("a", 1));
        Assert.That(none.Shortfall, Is.EqualTo("Assigned 0 out of 1 requested IPv4 addresses; No IPs available in pools: [10.0.0.0/28]"));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task A_limit_of_blocks_ends_it_early_and_says_so()
    {
        var cluster = Create(_time).Pool("10.0.0.0/27", 30).Node("a").Node("b");
        await AssignAsync(cluster, Request("b", 1));
        var result = await cluster.Client.AutoAssignAsync(Request("a", 9) with { MaxBlocks = 2 }, default);
        Assert.That((result.Failure?.Problem, result.Failure?.Message),
            Is.EqualTo((Problem.Exhausted, "cannot allocate new block due to per host block limit")));
        Assert.That(result.V4!.Shortfall,
            Is.EqualTo("Assigned 8 out of 9 requested IPv4 addresses; "
                + "Need to allocate an IPAM block but could not - limit of 2 blocks reached for this node"));
        Assert.That(cluster.Blocks().Count(b => b.Affinity == "host:a"), Is.EqualTo(2));
        Assert.That((await AssignAsync(cluster, Request("a", 1) with { MaxBlocks = 3 })).Addresses, Has.Length.EqualTo(1),
            "a third block is within three");
    }

    [TestCase(2, 3, 2)]
    [TestCase(3, 2, 2)]
    [TestCase(2, 0, 2)]
    [TestCase(0, 3, 3)]
    [TestCase(0, 0, 20)]
    public void The_smaller_limit_counts_and_twenty_without_one(int requested, int configured, int limit) =>
        Assert.That(AutoAssignment.Limit(requested, configured), Is.EqualTo(limit));

    [Test]
    public async Task Without_new_blocks_a_host_has_those_it_has()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Node("a").Node("b");
        await AssignAsync(cluster, Request("a", 1));
        await cluster.Client.SetConfigAsync(IpamConfigValue.Default with { StrictAffinity = true, AutoAllocateBlocks = false }, default);
        Assert.That((await AssignAsync(cluster, Request("a", 4))).Shortfall,
            Is.EqualTo("Assigned 3 out of 4 requested IPv4 addresses; No more free affine blocks and strict affinity enabled"));
        Assert.That(await cluster.Client.EnsureBlockAsync(Request("b", 1), default), Is.EqualTo((default(Cidr?), default(Cidr?))));
        Assert.That((await cluster.Client.EnsureBlockAsync(Request("a", 1), default)).V4, Is.EqualTo(cluster.Blocks().Single().Cidr));
    }

    [Test]
    public async Task A_host_is_sure_of_one_block_and_gets_no_second()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Pool("fd00::/120", 122).Node("a");
        var (v4, v6) = await cluster.Client.EnsureBlockAsync(Request("a", 1) with { Ipv6 = 1 }, default);
        Assert.That(await cluster.Client.EnsureBlockAsync(Request("a", 1) with { Ipv6 = 1 }, default), Is.EqualTo((v4, v6)));
        Assert.That(cluster.Blocks().Select(b => b.Cidr), Is.EquivalentTo(new[] { v4!.Value, v6!.Value }));
        Assert.That(cluster.Allocations(), Is.Empty);
    }

    [Test]
    public async Task What_a_handle_has_already_is_given_again_up_to_its_most()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Pool("fd00::/120", 122).Node("a");
        var first = await AssignAsync(cluster, Request("a", 2));
        await cluster.Client.AutoAssignAsync(Request("a", 0) with { Ipv6 = 1 }, default);
        var again = await AssignAsync(cluster, Request("a", 5) with { MaxPerHandle = 2 });
        Assert.That((again.Addresses, again.Blocks), Is.EqualTo((first.Addresses, first.Blocks)).Using<(ImmutableArray<IPAddress>,
            ImmutableArray<Cidr>)>(
            (a, b) => a.Item1.SequenceEqual(b.Item1) && a.Item2.SequenceEqual(b.Item2)));
        Assert.That(again.Shortfall, Is.Null, "two were to be had");
        Assert.That((await AssignAsync(cluster, Request("a", 1) with { MaxPerHandle = 2 })).Addresses, Is.EqualTo(first.Addresses[..1]));
        var third = await AssignAsync(cluster, Request("a", 5) with { MaxPerHandle = 3 });
        Assert.That((third.Addresses.Length, third.Requested), Is.EqualTo((1, 5)));
        Assert.That(cluster.Allocations().Count(a => !a.Key.Contains(':', StringComparison.Ordinal)), Is.EqualTo(3));
        Assert.That((await AssignAsync(cluster, Request("a", 1) with { Handle = "other", MaxPerHandle = 1 })).Addresses,
            Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_hosts_own_reservation_is_made_at_both_ends_of_each_new_block()
    {
        var cluster = Create(_time).Pool("10.0.0.0/29", 29).Pool("fd00::/125", 125).Node("a");
        var request = Request("a", 8) with { Ipv6 = 8, Reserved4 = new(3, 1, "reserved", "why"), Reserved6 = new(1, 0, "reserved6") };
        var result = await cluster.Client.AutoAssignAsync(request, default);
        Assert.That(result.V4!.Addresses.Select(a => a.ToString()), Is.EqualTo(new[] { "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6" }));
        Assert.That(result.V4.Shortfall, Does.EndWith("; HostReservedAttr: reserved"));
        Assert.That((result.V6!.Addresses.Length, result.V6.HostReservedHandle), Is.EqualTo((7, "reserved6")));
        var block = cluster.Blocks().Single(b => !b.Cidr.IsIpv6);
        Assert.That(block.OrdinalsOf("reserved"), Is.EqualTo(new[] { 0, 1, 2, 7 }));
        Assert.That(block.AttributeOf(7)!.Secondary!["note"], Is.EqualTo("why"));
    }

    [Test]
    public void A_new_blocks_numbers_begin_with_the_nanoseconds_of_its_making()
    {
        var block = AutoAssignment.NewBlock(Cidr.Parse("10.0.0.0/30"), new("a"), null, DateTimeOffset.UnixEpoch.AddSeconds(3));
        Assert.That((block.ToSpec().SequenceNumber, block.Affinity, block.AffinityClaimTime),
            Is.EqualTo((3_000_000_000UL, "host:a", DateTimeOffset.UnixEpoch.AddSeconds(3))));
    }

    [Test]
    public async Task Only_addresses_of_the_range_that_is_asked_for_and_that_nobody_holds_are_taken()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Pool("10.1.0.0/28", 30).Node("a");
        var within = IPNetwork.Parse("10.1.0.6/31");
        var result = await AssignAsync(cluster, Request("a", 3) with { Within = within, IsHeld = address =>
            address.Equals(Ip("10.1.0.6")) });
        Assert.That(result.Addresses.Select(a => a.ToString()), Is.EqualTo(new[] { "10.1.0.7" }));
        Assert.That(cluster.Blocks().Select(b => b.Cidr.ToString()), Is.EqualTo(new[] { "10.1.0.4/30" }),
            "no block is made that is of no use");
        Assert.That(result.Messages, Is.EqualTo(new[] { "No IPs available in pools: [10.1.0.0/28]" }));
        Assert.That((await AssignAsync(cluster, Request("a", 3) with { IsHeld = a => a.Equals(Ip("10.1.0.5")), IsBetterLeft = a =>
            a.Equals(Ip("10.1.0.4")), Pools4 = ["10.1.0.0/28"], MaxBlocks = 1 }))
            .Addresses.Select(a => a.ToString()), Is.EqualTo(new[] { "10.1.0.6", "10.1.0.4" }));
    }

    [Test]
    public async Task An_address_that_cooled_down_is_taken_again()
    {
        var cluster = Create(_time).Pool("10.0.0.0/30", 30).Node("a");
        await cluster.Client.SetConfigAsync(IpamConfigValue.Default with { IpCooldownSeconds = 10 }, default);
        var all = await AssignAsync(cluster, Request("a", 4));
        await cluster.Client.ReleaseAsync([new(all.Addresses[0])], default);
        _time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromTicks(1));
        Assert.That((await AssignAsync(cluster, Request("a", 1))).Addresses, Is.Empty);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.That((await AssignAsync(cluster, Request("a", 1))).Addresses, Is.EqualTo(all.Addresses[..1]));
    }

    [Test]
    public async Task Empty_blocks_of_pools_that_serve_the_host_no_more_are_given_back_on_the_way()
    {
        var cluster = Create(_time).Pool("10.0.0.0/30", 30).Pool("10.1.0.0/30", 30).Pool("10.2.0.0/30", 30).Pool("10.3.0.0/30", 30,
            ""","assignmentMode":"Manual" """).Node("a");
        foreach (var pool in new[] { "10.1.0.0/30", "10.2.0.0/30", "10.3.0.0/30" })
        {
            await cluster.Client.EnsureBlockAsync(Request("a", 1) with { Pools4 = [pool] }, default);
        }

        cluster.Pool("10.1.0.0/30", 30, ""","nodeSelector":"has(never)" """).Pool("10.2.0.0/30", 30, ""","disabled":true""");
        var result = await cluster.Client.AutoAssignAsync(Request("a", 1) with { MaxBlocks = 2, Pools4 = ["10.0.0.0/30"] }, default);
        Assert.That(result.Failure, Is.Null, "two of its four are its own still: the manual pool's and the new one");
        Assert.That(cluster.Blocks().Select(b => b.Cidr.ToString()), Is.EqualTo(new[] { "10.0.0.0/30", "10.3.0.0/30" }));
        Assert.That((await cluster.Client.AutoAssignAsync(Request("a", 4) with { MaxBlocks = 2, Pools4 = ["10.0.0.0/30"] },
            default)).Failure?.Problem, Is.EqualTo(Problem.Exhausted));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task An_affinity_that_a_crash_left_is_finished_and_one_that_another_overtook_is_dropped()
    {
        var cluster = Create(_time).Pool("10.0.0.0/29", 30).Node("a").Node("b");
        cluster.Store.Set(IpamKeys.Affinity("a", false, "10.0.0.0/30"), """{"state":"pending"}""");
        Assert.That((await cluster.Client.EnsureBlockAsync(Request("a", 1), default)).V4.ToString(), Is.EqualTo("10.0.0.0/30"));
        Assert.That(Text(cluster.Store.Snapshot(IpamKeys.Hosts + "a/").Single().Value), Does.Contain("\"confirmed\""));
        cluster.Store.Set(IpamKeys.Affinity("a", false, "10.0.0.0/30"), """{"state":"pending"}""");
        await AssignAsync(cluster, Request("a", 1));
        Assert.That(Text(cluster.Store.Snapshot(IpamKeys.Hosts + "a/").Single().Value), Does.Contain("\"confirmed\""),
            "confirmed where the block bears it out");

        cluster.Store.Set(IpamKeys.Affinity("b", false, "10.0.0.0/30"), """{"state":"confirmed"}""");
        Assert.That((await AssignAsync(cluster, Request("b", 1))).Blocks.Single().ToString(), Is.EqualTo("10.0.0.4/30"));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task An_affinity_whose_block_would_overlap_another_makes_none()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 28).Node("a").Node("b");
        await AssignAsync(cluster, Request("b", 1));
        cluster.Store.Remove(Pools + "pool-10.0.0.0-28");
        cluster.Pool("10.0.0.0/28", 30);
        cluster.Store.Set(IpamKeys.Affinity("a", false, "10.0.0.4/30"), """{"state":"pending"}""");
        Assert.That((await AssignAsync(cluster, Request("a", 1))).Addresses, Is.Empty);
        Assert.That(cluster.Blocks().Select(b => b.Cidr.ToString()), Is.EqualTo(new[] { "10.0.0.0/28" }));
    }

    [Test]
    public async Task A_block_that_was_empty_for_a_minute_changes_hands_with_its_affinity()
    {
        var cluster = Create(_time).Pool("10.0.0.0/30", 30).Node("a").Node("b");
        await cluster.Client.EnsureBlockAsync(Request("b", 1), default);
        Assert.That((await cluster.Client.EnsureBlockAsync(Request("a", 1), default)).V4, Is.Null);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.That((await cluster.Client.EnsureBlockAsync(Request("a", 1), default)).V4.ToString(), Is.EqualTo("10.0.0.0/30"));
        Assert.That((cluster.Blocks().Single().Affinity, cluster.Blocks().Single().AffinityClaimTime),
            Is.EqualTo(("host:a", _time.GetUtcNow())));
        Assert.That(cluster.Store.Snapshot(IpamKeys.Hosts).Select(k => k.Key),
            Is.EqualTo(new[] { IpamKeys.Affinity("a", false, "10.0.0.0/30") }));
    }

    private static AutoAssignRequest Request(string host, int count) =>
        new() { Host = host, Ipv4 = count, Handle = "h", Use = IntendedUse.Workload };

    private static async Task<AssignedAddresses> AssignAsync(IpamCluster cluster, AutoAssignRequest request) =>
        (await cluster.Client.AutoAssignAsync(request, default)).V4!;
}
