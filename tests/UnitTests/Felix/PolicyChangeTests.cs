using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>A policy that stays and changes: order, tier, types, selector. And what is told while nothing changes.</summary>
[TestFixture]
public sealed class PolicyChangeTests
{
    private static readonly FelixState Start = new FelixState("two policies")
        .With(Profile("net", [Allow()], [Allow()]))
        .With(Endpoint("w1", "10.0.0.1/32", ["net"], ("role", "web")))
        .With(Endpoint("w2", "10.0.0.2/32", ["net"], ("role", "db")))
        .With(Policy("q", 10, "all()", [Deny("TCP")], [Deny("TCP")]))
        .With(Tier("other", 5, "Pass"));

    private static FelixState With(string name, double order, string selector = "role == 'web'", string? tier = null, bool egress =
        false) =>
        Start.With(Policy("p", order, selector, [Allow(protocol: "UDP")], egress ? [Deny("UDP")] : null, tier)).Called(name, null);

    [Test]
    public void A_change_of_a_policy_leads_to_where_a_new_graph_starts() => StateExpander.Replay(
        [
            Start, With("first", 1), With("last", 20), With("first again", 1), With("both ways", 1, egress: true),
                With("in another tier", 1, tier: "other"),
            With("for others", 1, "role == 'db'", "other"), With("for all", 1, "all()"), With("for nobody", 1, "has(none)"),
                With("for one, last", 20), Start,
        ], Delivery.Split);

    [Test]
    public void What_did_not_change_is_not_told_again()
    {
        var graph = new CalculationGraph(Node);
        graph.Apply(new(SyncStatus.InSync, 1, [.. With("first", 1).Stored.Values]));
        graph.Set(Start.Local.Values.First(e => e.Id.Workload == "w1"));
        Assert.That(graph.Flush(), Is.Not.Empty);
        graph.Apply(new(SyncStatus.InSync, 2, [.. With("first", 1).Stored.Values]));
        graph.Apply(new(SyncStatus.Resync, 3, [.. With("first", 1).Stored.Values]));
        graph.Set(Start.Local.Values.First(e => e.Id.Workload == "w1"));
        Assert.That(graph.Flush(), Is.Empty);
        Assert.That(graph.InSync, "once is for ever");
    }

    [Test]
    public void A_set_is_one_of_ranges_while_it_holds_one_and_its_changes_come_in_order()
    {
        var graph = new CalculationGraph(Node);
        var state = new FelixState("a set").With(Profile("net", [Allow(new() { Selector = "has(outside)" })])).With(Endpoint("w1",
            "10.0.0.1/32", ["net"]));
        graph.Apply(new(SyncStatus.InSync, 1, [.. state.Stored.Values]));
        graph.Set(state.Local.Values.Single());
        Assert.That(Told(), Is.EqualTo("Hosts + -"));
        Assert.That(Told(["10.9.0.2", "10.9.0.1"]), Is.EqualTo("Hosts + 10.9.0.1 10.9.0.2 -"));
        Assert.That(Told(["10.9.0.2", "10.9.0.1"]), Is.Empty);
        Assert.That(Told(["10.9.0.2", "10.9.0.1", "10.8.0.0/16"]), Is.EqualTo("Nets + 10.8.0.0/16 10.9.0.1 10.9.0.2 -"));
        Assert.That(Told(["10.9.0.2", "10.7.0.0/16", "10.8.0.0/16", "10.6.0.0/16"]),
            Is.EqualTo("Nets + 10.6.0.0/16 10.7.0.0/16 - 10.9.0.1"));
        Assert.That(Told(["10.9.0.2", "10.6.0.0/16"]), Is.EqualTo("Nets + - 10.7.0.0/16 10.8.0.0/16"), "one range is left");
        Assert.That(Told(["10.9.0.2"]), Is.EqualTo("Hosts + 10.9.0.2 -"));
        Assert.That(Told([]), Is.EqualTo("Hosts + - 10.9.0.2"));

        string Told(string[]? nets = null)
        {
            if (nets is not null)
            {
                var set = new FelixState("").With(GlobalSet("world", nets, ("outside", ""))).Stored;
                graph.Apply(new(SyncStatus.InSync, 1, [.. set.Values]));
            }

            return string.Join('\n', graph.Flush().OfType<IpSetUpdate>().Where(s =>
                s.Id.StartsWith("s:", StringComparison.Ordinal)).Select(s =>
                string.Join(' ', [$"{s.Type} +", .. s.Added.Items.Select(m => m.ToString()), "-",
                    .. s.Removed.Items.Select(m => m.ToString())])));
        }
    }

    [Test]
    public void A_set_in_a_range_is_held_once_for_each_that_holds_it()
    {
        var state = new FelixState("two sets, one range").With(Profile("net",
            [Allow(new() { Selector = "has(outside)" })])).With(Endpoint("w1", "10.0.0.1/32", ["net"]))
            .With(GlobalSet("a", ["10.9.0.0/16", "10.9.0.1"], ("outside", ""))).With(GlobalSet("b", ["10.9.0.0/16"], ("outside", "")));
        StateExpander.Replay([state, state.Without("GlobalNetworkSet", "a"), state, state.Without("GlobalNetworkSet", "b"),
            state.Without("GlobalNetworkSet", "a").Without("GlobalNetworkSet", "b"), state], Delivery.Split);
    }

    [Test]
    public void Sets_of_a_namespace_have_its_labels_and_those_of_all_none()
    {
        var state = new FelixState("sets")
            .With(Profile("net", [Allow(new() { Selector = "projectcalico.org/namespace == 'shop'" }),
                Allow(new() { Selector = "team == 'blue'" })]))
            .With(Endpoint("w1", "10.0.0.1/32", ["net"]))
            .With(Profile("kns.shop", null, null, ("team", "blue"))).With(Profile("kns.", null, null, ("team", "blue")))
            .With(Set("near", "shop", ["198.51.100.1"])).With(Set("near", "other", ["198.51.100.2"])).With(GlobalSet("near",
                ["198.51.100.3"]));
        Assert.That(StateExpander.Snapshot(state).Split(Environment.NewLine).Where(l =>
            l.StartsWith("set s:", StringComparison.Ordinal)).Select(l => l.Split(' ', 3)[2]),
            Is.EqualTo(new[] { "198.51.100.1", "198.51.100.1" }));
        StateExpander.Replay([state, state.Without("NetworkSet", "near"), state.Without("GlobalNetworkSet", "near"), state],
            Delivery.Split);
    }
}
