using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>What is told of this node's endpoints where two have one address, where labels are awaited, and in which order.</summary>
[TestFixture]
public sealed class LocalEndpointTests
{
    [Test]
    public void Of_two_endpoints_with_one_address_the_first_by_id_has_the_route()
    {
        var first = new FelixState("one").With(Endpoint("b", "10.0.0.1/32", []));
        var both = first.With(Endpoint("a", "10.0.0.1/32", []));
        Assert.That(StateExpander.Snapshot(both), Does.Contain("route 10.0.0.1 calia"));
        StateExpander.Replay([first, both, both.WithoutLocal("a"), both, both.WithoutLocal("b"), first], Delivery.Split);
    }

    [TestCase("has(role)", true)]
    [TestCase("has(color)", false)]
    [TestCase("all()", false)]
    public void An_endpoint_whose_labels_are_awaited_is_closed_while_a_policys_selector_may_ask_for_one(string selector, bool isClosed)
    {
        var state = new FelixState("awaited").With(Policy("p", 1, selector, [Allow()])).With(Policy("decided", 1, "all()", [Allow()]))
            .With(Endpoint("w1", "10.0.0.1/32", [], ("color", "red")) with { LabelsPending = true });
        Assert.That(StateExpander.Snapshot(state), Does.Contain(isClosed ? "caliw1 NotLabelled" : "caliw1 Open"));
        StateExpander.Replay([state, state.With(Endpoint("w1", "10.0.0.1/32", [], ("color", "red"))), state], Delivery.Split);
    }

    [Test]
    public void The_same_change_gives_the_same_output_in_the_order_of_keys()
    {
        var graph = new CalculationGraph(Node);
        graph.Apply(new(SyncStatus.InSync, 1, []));
        string[] names = ["c", "a", "d", "b"];
        foreach (var name in names)
        {
            graph.Set(Endpoint(name, $"10.0.0.{name[0] - 'a' + 1}/32", []));
        }

        var updates = graph.Flush();
        Assert.That(updates.OfType<EndpointUpdate>().Select(e => e.Id.Workload), Is.EqualTo(names.Order()));
        Assert.That(updates.OfType<RouteUpdate>().Select(r => r.InterfaceName), Is.EqualTo(names.Order().Select(name => "cali" + name)));
        foreach (var name in names)
        {
            graph.Remove(new("cni", name, "eth0"));
        }

        Assert.That(graph.Flush().OfType<EndpointRemove>().Select(e => e.Id.Workload), Is.EqualTo(names.Order()));
    }

    [Test]
    public void Pools_are_told_in_order_and_only_while_they_change()
    {
        var graph = new CalculationGraph(Node);
        Assert.That(Told("10.2.0.0/16", "10.1.0.0/16"), Is.EqualTo(new[] { "network-ip-pools + 10.1.0.0/16,10.2.0.0/16 -",
            "masq-ipam-pools + 10.1.0.0/16,10.2.0.0/16 -" }));
        Assert.That(Told("10.2.0.0/16"), Is.Empty, "told already");
        Assert.That(graph.Flush(), Is.Empty);
        graph.Apply(new(SyncStatus.InSync, 1, [.. new FelixState("").With(Pool("10.2.0.0/16", "10.2.0.0/16", false)).Stored.Values]));
        Assert.That(Sets(), Is.EqualTo(new[] { "masq-ipam-pools +  - 10.2.0.0/16" }));

        string[] Told(params string[] cidrs)
        {
            graph.Apply(new(SyncStatus.InSync, 1, [.. cidrs.Select(c =>
                new FelixState("").With(Pool(c, c, true)).Stored.Values.Single())]));
            return Sets();
        }

        string[] Sets() => [.. graph.Flush().OfType<IpSetUpdate>().Select(s =>
            $"{s.Id} + {string.Join(',', s.Added.Items)} - {string.Join(',', s.Removed.Items)}".TrimEnd())];
    }

    [Test]
    public void Arrays_are_compared_by_what_they_hold()
    {
        EquatableArray<int> some = new([1, 2]);
        Assert.That((some == new EquatableArray<int>([1, 2]), some != new EquatableArray<int>([1, 2]),
            some != new EquatableArray<int>([2, 1])), Is.EqualTo((true, false, true)));
        Assert.That(some.GetHashCode(), Is.EqualTo(new EquatableArray<int>([1,
            2]).GetHashCode()).And.Not.EqualTo(new EquatableArray<int>([1, 3]).GetHashCode()));
    }
}
