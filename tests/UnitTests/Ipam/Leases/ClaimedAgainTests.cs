using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam.Leases;

/// <summary>A lease that was released while an endpoint used it, and is claimed again.</summary>
[TestFixture, Parallelizable]
public sealed class ClaimedAgainTests
{
    [Test]
    public async Task M18_a_claim_takes_a_deferred_release_back([Values] bool exact)
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var kept = await ipam.ClaimAsync("mesos", Claim("u", purpose: LeasePurpose.Scheduler), null, null, default);
        var bound = await ipam.BindAsync("mesos", [kept[0].Address], "h", Endpoint("w"), null, default);
        Assert.That(await ipam.ReleaseAsync("mesos", kept[0], default), Is.EqualTo(ReleaseOutcome.Deferred));

        var claim = Claim("u", exact ? 0 : 1, purpose: LeasePurpose.Scheduler) with { Exact = exact ? [kept[0].Address] : [] };
        Assert.That((await ipam.ClaimAsync("mesos", claim, null, null, default))[0].Address, Is.EqualTo(kept[0].Address));

        await ipam.UnbindAsync("mesos", Endpoint("w"), bound, LeaseCompanion.None, default);
        Assert.That(cluster.Allocations().Keys, Is.EqualTo(new[] { kept[0].Address.ToString() }), "it is held, as was answered");
        Assert.That(await ipam.ReleaseAsync("mesos", kept[0], default), Is.EqualTo(ReleaseOutcome.Released));
    }

    [Test]
    public async Task M18_a_claim_to_keep_raises_the_purpose_also_in_the_store([Values] bool isBound)
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var first = await ipam.ClaimAsync("mesos", Claim("u"), null, null, default);
        var bound = isBound ? await ipam.BindAsync("mesos", [first[0].Address], "h", Endpoint("w"), null, default) : [];

        var again = await ipam.ClaimAsync("mesos", Claim("u", purpose: LeasePurpose.Scheduler), null, null, default);
        Assert.That((again[0].Address, again[0].Purpose), Is.EqualTo((first[0].Address, LeasePurpose.Scheduler)));
        Assert.That(LeaseRecord.From(cluster.Blocks().Single(), cluster.Blocks().Single().OrdinalOf(first[0].Address)!.Value).Purpose,
            Is.EqualTo(LeasePurpose.Scheduler));
        if (isBound)
        {
            await ipam.UnbindAsync("mesos", Endpoint("w"), bound, LeaseCompanion.None, default);
        }

        Assert.That(cluster.Allocations(), Has.Count.EqualTo(1));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task M18_a_claim_of_less_lowers_nothing()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.ClaimAsync("mesos", Claim("u", purpose: LeasePurpose.Scheduler), null, null, default);
        Assert.That((await ipam.ClaimAsync("mesos", Claim("u"), null, null, default))[0].Purpose, Is.EqualTo(LeasePurpose.Scheduler));
    }
}
