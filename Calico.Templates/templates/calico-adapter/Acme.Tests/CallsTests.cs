using Calico;
using Calico.TestKit.Workloads;
using NUnit.Framework;

namespace Acme.Tests;

/// <summary>The calls over a host in memory.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CallsTests
{
    private readonly FakeNode _node = new("acme");

    private Calls Calls => new(_node.Network, _node.Namespaces, _node.Profiles, new());

    [Test]
    public async Task A_workload_gets_an_address_and_gives_it_back()
    {
        var address = await Calls.UpAsync("w1", "/run/netns/w1", CancellationToken.None);
        Assert.That(await Calls.ListAsync(CancellationToken.None), Is.EqualTo(new[] { ("w1", address) }));

        await Calls.DownAsync("w1", CancellationToken.None);
        await Calls.DownAsync("w1", CancellationToken.None);
        Assert.That(_node.Endpoints, Is.Empty);
        Assert.That(_node.Leases, Is.Empty);
    }

    [Test]
    public async Task A_call_that_comes_again_does_nothing_new()
    {
        var first = await Calls.UpAsync("w1", "/run/netns/w1", CancellationToken.None);
        _node.Crash();
        Assert.That(await Calls.UpAsync("w1", "/run/netns/w1", CancellationToken.None), Is.EqualTo(first));
        Assert.That(_node.Endpoints, Has.Length.EqualTo(1));
    }

    [Test]
    public void A_namespace_that_is_not_there_leaves_nothing()
    {
        _node.Namespaces.Destroy("/run/netns/gone");
        Assert.ThrowsAsync<CalicoException>(() => Calls.UpAsync("w1", "/run/netns/gone", CancellationToken.None));
        Assert.That(_node.Endpoints, Is.Empty);
        Assert.That(_node.Leases, Is.Empty);
    }
}
