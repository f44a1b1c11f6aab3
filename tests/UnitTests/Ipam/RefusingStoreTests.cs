using System.Text;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

[TestFixture]
public sealed class RefusingStoreTests
{
    [Test]
    public async Task B4_a_store_that_takes_no_writes_is_as_one_that_is_away_but_leaves_no_doubt()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        var (store, log) = (new RefusingStore(cluster.Store), new InMemoryNodeLog());
        await using var ipam = cluster.NodeIpam("n", log, parked: 1, store: store, with: o => o with { ProbeInterval = TimeSpan.Zero });
        await ipam.MaintainAsync(default);
        var held = await ipam.ClaimAsync("cni", Claim("old"), Endpoint("old"), null, default);
        store.IsFull = true;

        await ipam.UnbindAsync("cni", Endpoint("old"), held, new([new StoreOperation.Delete("/wep/old")], []), default);
        var first = (await ipam.ClaimAsync("cni", Claim("first"), Endpoint("first"), null, default))[0];
        var second = (await ipam.ClaimAsync("cni", Claim("second"), Endpoint("second"), null, default))[0];
        var problem = (await Assert.ThrowsAsync<CalicoException>(() => ipam.ClaimAsync("cni", Claim("third"), Endpoint("third"),
            _ => new([], [new NodeLogWrite("intent/third", Encoding.UTF8.GetBytes("x"))]), default)))!;

        Assert.That(first.Address, Is.EqualTo(held[0].Address), "what was released here is free beyond doubt");
        Assert.That(second.Address, Is.Not.EqualTo(first.Address));
        Assert.That(problem.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(problem.Message, Does.Contain("NOSPACE"));
        Assert.That(ipam.WhyDown, Does.Contain("NOSPACE"));
        Assert.That(ipam.IsStoreReachable, Is.False, "that it answers reads is not enough");
        Assert.That(log.Get("intent/third"), Is.Null);

        store.IsFull = false;
        await ipam.MaintainAsync(default);
        Assert.That(ipam.WhyDown, Is.Null);
        Assert.That(ipam.JournalLength, Is.Zero);
        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(new[] { "first", "second", "parked.n" }));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }
}
