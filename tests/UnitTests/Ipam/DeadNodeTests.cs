using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

[TestFixture]
public sealed class DeadNodeTests
{
    private const string Nodes = "/calico/resources/v3/projectcalico.org/nodes/";

    [Test]
    public async Task B6_a_node_that_is_removed_leaves_nothing_but_what_a_task_elsewhere_may_still_take()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("gone").Node("other");
        await using (var gone = cluster.NodeIpam("gone", new InMemoryNodeLog(), parked: 8))
        {
            await gone.MaintainAsync(default);
            for (var i = 0; i < 100; i++)
            {
                await gone.ClaimAsync("cni", Claim($"e{i}"), Endpoint($"e{i}"), null, default);
            }

            await gone.ClaimAsync("docker", Claim("net", purpose: LeasePurpose.Network), null, null, default);
            await gone.ClaimAsync("docker", Claim("task", purpose: LeasePurpose.Scheduler), null, null, default);
            await cluster.Client.AssignAsync(new(Ip("10.0.0.200"), "gone", "tunnel")
            {
                Attributes = System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add("node", "gone")
                    .Add("type", "ipipTunnelAddress"),
            }, default);
        }

        await using var other = cluster.NodeIpam("other", new InMemoryNodeLog());
        await other.ClaimAsync("cni", Claim("kept"), Endpoint("kept"), null, default);
        await cluster.Client.RemoveHostAsync("gone", default);

        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(new[] { "task", "kept" }));
        Assert.That(cluster.Disagreements(), Is.Empty);
        Assert.That(cluster.Store.Snapshot(IpamKeys.Host("gone")), Is.Empty);
    }

    [TestCase(false, false, ExpectedResult = 0)]
    [TestCase(true, false, ExpectedResult = 2)]
    [TestCase(false, true, ExpectedResult = 2, Description = "its Node was lost, its host runs")]
    public async Task<int> B6_the_reserve_of_a_node_that_is_gone_is_given_back_by_another(bool exists, bool beats)
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("gone").Node("other");
        await using (var gone = cluster.NodeIpam("gone", new InMemoryNodeLog(), parked: 2))
        {
            await gone.MaintainAsync(default);
        }

        if (!exists)
        {
            cluster.Store.Remove(Nodes + "gone");
        }

        if (beats)
        {
            cluster.Store.Set(NodeHeartbeat.Key("gone"), "machine");
        }

        await using var other = cluster.NodeIpam("other", new InMemoryNodeLog(), parked: 2);
        await other.MaintainAsync(default);

        Assert.That(cluster.Allocations().Values.Count(h => h == "parked.other"), Is.EqualTo(2));
        return cluster.Allocations().Values.Count(h => h == "parked.gone");
    }

    [TestCase(LeasePurpose.Endpoint)]
    [TestCase(LeasePurpose.Network)]
    [TestCase(LeasePurpose.Scheduler)]
    [TestCase(LeasePurpose.Foreign)]
    public async Task B6_every_purpose_of_a_node_that_does_not_exist_is_reported(LeasePurpose purpose)
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.ClaimAsync("docker", Claim("h", purpose: purpose), null, null, default);
        Assert.That(IpamReport.Of(await IpamSnapshot.ReadAsync(cluster.Store, null, default), []).Findings, Is.Empty);

        cluster.Store.Remove(Nodes + "n");
        var finding = IpamReport.Of(await IpamSnapshot.ReadAsync(cluster.Store, null, default), []).Findings.Single();

        Assert.That(finding.Problem, Is.EqualTo(AuditProblem.Leaked));
        Assert.That(finding.Detail, Does.Contain($"({purpose})").And.Contain("node n, which does not exist"));
    }
}
