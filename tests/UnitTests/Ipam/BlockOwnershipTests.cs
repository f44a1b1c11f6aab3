using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>Whose a block is, and what becomes of a change that another was faster than.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BlockOwnershipTests
{
    private readonly SteppedTime _time = new();

    private static AutoAssignRequest Request(string host, string handle) =>
        new() { Host = host, Ipv4 = 1, Handle = handle, Use = IntendedUse.Workload };

    [TestCase(false, "host:b")]
    [TestCase(true, "host:a")]
    public async Task D_an_empty_block_is_its_hosts_for_a_minute(bool isOver, string owner)
    {
        var cluster = Create(_time).Pool("10.0.0.0/29", 29).Node("a").Node("b");
        await cluster.Client.EnsureBlockAsync(Request("b", "h"), default);
        _time.Advance(TimeSpan.FromSeconds(isOver ? 60 : 59));

        var assigned = await cluster.Client.AutoAssignAsync(Request("a", "h"), default);

        Assert.That(assigned.V4!.Addresses, Has.Length.EqualTo(1), "borrowed, if not taken over");
        Assert.That(cluster.Blocks().Single().Affinity, Is.EqualTo(owner));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task D_with_strict_affinity_nothing_is_borrowed_neither_any_nor_a_chosen_address()
    {
        var cluster = Create(_time).Pool("10.0.0.0/29", 29).Node("a").Node("b");
        await cluster.Client.SetConfigAsync(IpamConfigValue.Default with { StrictAffinity = true }, default);
        await cluster.Client.AutoAssignAsync(Request("b", "h"), default);

        var assigned = await cluster.Client.AutoAssignAsync(Request("a", "x"), default);
        var refusal = await Assert.ThrowsAsync<CalicoException>(() =>
            cluster.Client.AssignAsync(new(Ip("10.0.0.5"), "a", "x", IntendedUse.Workload), default));

        Assert.That(assigned.V4!.Addresses, Is.Empty);
        Assert.That(refusal!.Message, Is.EqualTo("Block host affinity does not match"));
        Assert.That(cluster.Allocations().Values, Is.EqualTo(new[] { "h" }));
    }

    [Test]
    public async Task D_an_assignment_that_another_was_faster_than_is_tried_again()
    {
        var cluster = Create().Pool("10.0.0.0/29", 29).Node("a");
        await cluster.Client.EnsureBlockAsync(Request("a", "h"), default);
        cluster.Store.InterfereOnce(IpamKeys.Assignments);
        await cluster.Client.AutoAssignAsync(Request("a", "h"), default);
        cluster.Store.InterfereOnce(IpamKeys.Assignments);
        await cluster.Client.ReleaseByHandleAsync("h", default);
        Assert.That(cluster.Allocations(), Is.Empty);
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task D_a_claim_that_another_was_faster_than_is_tried_again()
    {
        var cluster = Create().Pool("10.0.0.0/29", 29).Node("a");
        await using var ipam = cluster.NodeIpam("a", new InMemoryNodeLog());
        await ipam.ClaimAsync("cni", Claim("warm"), null, null, default);
        cluster.Store.InterfereOnce(IpamKeys.Assignments);
        var lease = (await ipam.ClaimAsync("cni", Claim("h"), null, null, default))[0];
        Assert.That(cluster.Allocations()[lease.Address.ToString()], Is.EqualTo("h"));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task D_a_configuration_that_another_was_faster_with_is_written_again()
    {
        var cluster = Create();
        await cluster.Client.SetConfigAsync(IpamConfigValue.Default with { StrictAffinity = true }, default);
        cluster.Store.InterfereOnce(IpamKeys.Config);
        await cluster.Client.SetConfigAsync(IpamConfigValue.Default with { StrictAffinity = true, MaxBlocksPerHost = 3 }, default);
        Assert.That((await cluster.Client.GetConfigAsync(default)).MaxBlocksPerHost, Is.EqualTo(3));
    }

    [Test]
    public async Task A_release_by_a_client_names_the_allocation()
    {
        var cluster = Create().Pool("10.0.0.0/29", 29).Node("a");
        var address = (await cluster.Client.AutoAssignAsync(Request("a", "h"), default)).V4!.Addresses[0];
        var sequence = cluster.Blocks()[0].SequenceOf(cluster.Blocks()[0].OrdinalOf(address)!.Value)!.Value;
        foreach (var wrong in new[] { sequence - 1, sequence + 1 })
        {
            var refusal = await Assert.ThrowsAsync<CalicoException>(() => cluster.Client.ReleaseAsync([new(address, "h", wrong)], default));
            Assert.That(refusal!.Problem, Is.EqualTo(Problem.Conflict));
        }

        Assert.That(await cluster.Client.ReleaseAsync([new(address, "h", sequence)], default), Is.Empty);
        Assert.That(cluster.Allocations(), Is.Empty);
    }
}
