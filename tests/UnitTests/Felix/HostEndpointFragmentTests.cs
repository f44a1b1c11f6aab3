using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>A host endpoint that others wrote and that cannot be used: it closes its host, and neither stops this node's calculation nor
/// opens anything elsewhere.</summary>
[TestFixture]
public sealed class HostEndpointFragmentTests
{
    [TestCase("averyverylongname0", TestName = "A_name_that_no_link_can_have_is_every_interface(long)")]
    [TestCase("eth0\\u0000", TestName = "A_name_that_no_link_can_have_is_every_interface(NUL)")]
    [TestCase("eth 0", TestName = "A_name_that_no_link_can_have_is_every_interface(blank)")]
    [TestCase("ethä", TestName = "A_name_that_no_link_can_have_is_every_interface(letter)")]
    public void Everywhere(string name)
    {
        var bad = Update("bad", $$"""{"node":"{{FelixState.Node}}","interfaceName":"{{name}}"}""");
        Assert.That(PolicyFaults.OfHostEndpoint(bad), Is.Not.Null);

        // Beside one that is well: each interface once.
        var graph = new CalculationGraph(FelixState.Node);
        graph.SetInterface("eth0", []);
        graph.SetInterface("*", []);
        graph.Apply(new(SyncStatus.InSync, 1,
            [bad, new(Kinds.HostEndpoint.Key("good"), FelixState.HostEndpoint("good", "eth0"))]));
        Assert.That(graph.Flush().OfType<HostInterfaceUpdate>().Select(u => u.InterfaceName), Is.EquivalentTo(new[] { "*", "eth0" }));
    }

    [Test]
    public void Rules_that_select_it_go_on_meaning_its_addresses()
    {
        var fragment = Update("peer", """{"node":"elsewhere","expectedIPs":["192.0.2.7"],"ports":[{"port":70000}]}""");
        Assert.That(fragment.Error, Is.Not.Null);
        var graph = new CalculationGraph(FelixState.Node);
        graph.Set(FelixState.Endpoint("web", "10.0.0.1/32", []));
        var policy = FelixState.Policy("p", 1, "all()",
            [FelixState.Allow(new() { Selector = "role == 'stranger'" }) with { Action = "Deny" }]);
        graph.Apply(new(SyncStatus.InSync, 1, [fragment, new(Kinds.GlobalNetworkPolicy.Key("p"), policy)]));
        Assert.That(graph.Flush().OfType<IpSetUpdate>().SelectMany(set => set.Added.Items).Select(member => $"{member}"),
            Has.Some.Contains("192.0.2.7"));
    }

    private static SyncUpdate Update(string name, string spec)
    {
        var text = $$"""
            {"kind":"HostEndpoint","apiVersion":"projectcalico.org/v3",
            "metadata":{"name":"{{name}}","labels":{"role":"stranger","odd":5} },"spec":{{spec}} }
            """;
        Assert.That(ResourceKinds.All.TryDecode($"{ResourceKind.Root}hostendpoints/{name}", Encoding.UTF8.GetBytes(text), out var update));
        return update!;
    }
}
