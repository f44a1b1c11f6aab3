using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Selectors;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.TestKit;
using CsCheck;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

[TestFixture, Parallelizable]
public sealed class CalculationGraphTests
{
    private static readonly string RedId = Id("color == 'red'");
    private static readonly string OpenId = Id("color == 'red' && role in {'web','db'}");

    private static string Id(string selector) => Selector.TryParse(selector, out var parsed, out _) ? parsed.Id
        : throw new AssertionException(selector);

    private static readonly FelixState AllowAll = new FelixState("one endpoint, one profile")
        .With(Profile("net", [Allow()], [Allow()], ("color", "red")))
        .With(Endpoint("w1", "10.0.0.1/32", ["net"]))
        .Called("one endpoint, one profile", """
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Selecting = AllowAll
        .With(Profile("net", [Allow(new() { Selector = "color == 'red'" }, protocol: "TCP")], [Allow()], ("color", "red")))
        .With(Remote("far", "10.1.0.1/32", labels: ("color", "red")))
        .With(Remote("echo", "10.0.0.9/32", node: Node, labels: ("color", "red")))
        .Called("peers by selector: the remote one by its label, the local one by its profile's, this node's echo not", $"""
            set {RedId} 10.0.0.1 10.1.0.1
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow protocol 6 from set {RedId}    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState OwnLabelWins = Selecting
        .With(Endpoint("w1", "10.0.0.1/32", ["net"], ("color", "blue")))
        .With(Remote("far-again", "10.1.0.1/32", labels: ("color", "red")))
        .With(Endpoint("w2", "fd00::2/128", ["net", "missing"]))
        .Called("own label wins; one address twice; a missing profile denies", $"""
            set {RedId} 10.1.0.1 fd00::2
            list profile/missing/egress
              Deny any    # Profile(missing): no such profile
            list profile/missing/ingress
              Deny any    # Profile(missing): no such profile
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow protocol 6 from set {RedId}    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            endpoint cni/w2/eth0 caliw2 Open in profile/net/ingress,profile/missing/ingress out profile/net/egress,profile/missing/egress
            route 10.0.0.1 caliw1
            route fd00::2 caliw2
            """);

    private static readonly FelixState OneHolderLess = OwnLabelWins.Without("WorkloadEndpoint", "far").WithoutLocal("w2")
        .Called("the address stays with its other holder", $"""
            set {RedId} 10.1.0.1
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow protocol 6 from set {RedId}    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Unusable = OneHolderLess
        .With(Profile("net", [Allow(), Allow(new() { Selector = "color = red" })],
            [Allow(new() { Nets = ["10.0.0.0/8"] }) with { Action = "Sing" }]))
        .Called("a bad selector, an unknown action: both directions deny and say why", """
            list profile/net/egress
              Deny any    # Profile(net) rule 0 @7: action: unknown value "Sing"
            list profile/net/ingress
              Deny any    # Profile(net) rule 1 @7: selector: expected ==
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Damaged = Unusable.WithDamaged("Profile", "net", "spec.ingress: not a list")
        .Called("a stored profile that cannot be read", """
            list profile/net/egress
              Deny any    # Profile(net): spec.ingress: not a list
            list profile/net/ingress
              Deny any    # Profile(net): spec.ingress: not a list
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState NodeFacts = AllowAll
        .With(Pool("nat", "10.0.0.0/16", true)).With(Pool("plain", "10.1.0.0/16", false))
        .With(Block("10.0.0.0/26", "host:node-a")).With(Block("10.0.1.0/26", "host:node-b")).With(Block("10.0.0.1/32", "host:node-a"))
        .With(Configuration("default", "Accept", vxlan: true)).With(Configuration("node.node-a", "Return"))
        .Called("pools, blocks, settings", """
            settings NodeSettings { EndpointToHost = Return, AllowVxlanFromWorkloads = True, AllowIpipFromWorkloads = False, DropInvalid = True, Failsafes = default, NatPorts =  }
            set masq-ipam-pools 10.0.0.0/16
            set network-ip-pools 10.0.0.0/16 10.1.0.0/16
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.0/26 blackhole
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState BlockGone = NodeFacts.With(Block("10.0.0.0/26", "host:node-a", deleted: true))
        .WithoutLocal("w1").Without("FelixConfiguration", "node.node-a").Without("FelixConfiguration", "default")
        .Called("a released block, no endpoints", """
            set masq-ipam-pools 10.0.0.0/16
            set network-ip-pools 10.0.0.0/16 10.1.0.0/16
            """);

    private static readonly FelixState Pending = AllowAll
        .With(Profile("net", [Allow(new() { Selector = "color == 'red' && role in {'web','db'}" })], [Allow()], ("color", "red")))
        .With(Endpoint("w1", "10.0.0.1/32", ["net"]) with { LabelsPending = true })
        .Called("a label that a selector asks is still to come", $"""
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow from set {OpenId}    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 NotLabelled in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState PendingDecided = Pending
        .With(Profile("net", [Allow(new() { Selector = "color == 'red'" })], [Allow()], ("color", "red")))
        .Called("no selector asks the missing labels: open at once", $"""
            set {RedId} 10.0.0.1
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow from set {RedId}    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Labelled = Pending.With(Endpoint("w1", "10.0.0.1/32", ["net"], ("role", "db")))
        .Called("the labels came", null);

    private static readonly FelixState Moved = Labelled.With(
        Endpoint("w1", "10.0.0.7/32", ["net"], ("role", "db")) with { InterfaceName = "calix" })
        .Called("another address, another interface", null);

    private static IEnumerable<TestCaseData> Expanded() => StateExpander.Cases(
        [AllowAll, Selecting, OwnLabelWins, OneHolderLess, Unusable, Damaged, NodeFacts, BlockGone, Pending, PendingDecided,
            Labelled, Moved]);

    [TestCaseSource(nameof(Expanded))]
    public void Same_states_give_the_same_dataplane(FelixState[] states, Delivery way) => StateExpander.Replay(states, way);

    [Test]
    public void Mixed_ports_become_rules_with_one_decision()
    {
        var state = new FelixState("ports")
            .With(Profile("net", [Allow(new() { Selector = "color == 'red'" },
                new() { Ports = [new(80), new("90:99"), new("web")] }, "TCP")]))
            .With(Endpoint("w1", "10.0.0.1/32", ["net"], ("color", "red")))
            .With(Remote("far", "10.1.0.1/32", ports: [new() { Name = "web", Protocol = new("UDP"), Port = 53 }]));
        var lines = StateExpander.Snapshot(state).Split(Environment.NewLine);
        Assert.That(lines, Has.Some.Match($"set n:.* 10.0.0.1,6,8080$"));
        Assert.That(lines, Has.Some.EqualTo($"  Allow protocol 6 from set {RedId} to ports 80,90-99    # Profile(net) rule 0 @7"));
        Assert.That(lines, Has.Some.Match($"  Allow protocol 6 from set {RedId} to port set n:.*# Profile.net. rule 0 @7"));
    }

    [Test]
    public void Unknown_field_denies()
    {
        var rule = Allow() with { Unknown = new() { ["quantum"] = JsonDocument.Parse("1").RootElement } };
        var text = StateExpander.Snapshot(new FelixState("unknown").With(Profile("net", [rule]))
            .With(Endpoint("w1", "10.0.0.1/32", ["net"])));
        Assert.That(text, Does.Contain("Deny any    # Profile(net) rule 0 @7: unknown field quantum"));
    }

    [Test]
    public void Rule_of_two_families_is_not_there()
    {
        var rule = Allow(new() { Nets = ["10.0.0.0/8"] }, new() { Nets = ["fd00::/8"] });
        var text = StateExpander.Snapshot(new FelixState("families").With(Profile("net", [rule]))
            .With(Endpoint("w1", "10.0.0.1/32", ["net"])));
        Assert.That(text, Does.Not.Contain("Allow").And.Not.Contain("Deny"));
    }

    [Test]
    public void Random_walk_ends_where_a_new_graph_starts()
    {
        var profiles = new[]
        {
            Profile("a", [Allow(new() { Selector = "color == 'red'" })], [Allow(null, new() { NotSelector = "has(role)" })],
                ("color", "red")),
            Profile("a", [Allow(new() { Selector = "role in {'x','y'} || color == 'blue'" })], null, ("role", "x")),
            Profile("b", [Allow(new() { Selector = "!has(role)" }, new() { Ports = [new("web")] })], [Allow()], ("color", "blue")),
            Profile("b", [Allow(new() { NamespaceSelector = "all()" })], null),
        };
        var change = Gen.OneOf<Func<FelixState, FelixState>>(
            Gen.Int[0, 3].Select(i => new Func<FelixState, FelixState>(s => s.With(profiles[i]))),
            Gen.Int[0, 1].Select(i => new Func<FelixState, FelixState>(s => s.Without("Profile", i == 0 ? "a" : "b"))),
            Gen.Select(Gen.Int[1, 4], Gen.Int[1, 3], Gen.Int[0, 3]).Select((n, address, kind) => new Func<FelixState, FelixState>(s =>
                s.With(Remote($"r{n}", $"10.1.0.{address}/32", profiles: kind == 0 ? null : [kind == 1 ? "a" : "b"],
                    labels: kind == 3 ? [("role", "y")] : [])))),
            Gen.Int[1, 4].Select(n => new Func<FelixState, FelixState>(s => s.Without("WorkloadEndpoint", $"r{n}"))),
            Gen.Select(Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[0, 4]).Select((n, address, kind) => new Func<FelixState, FelixState>(s =>
                s.With(Endpoint($"w{n}", $"10.0.0.{address}/32",
                    kind switch { 0 => [], 1 => ["a"], 2 => ["b"], 3 => ["a", "b"], _ => ["b", "a"] },
                    kind == 4 ? [("color", "green")] : []) with { LabelsPending = kind == 2 }))),
            Gen.Int[1, 3].Select(n => new Func<FelixState, FelixState>(s => s.WithoutLocal($"w{n}"))));
        change.Array[1, 30].Sample(changes =>
        {
            var state = new FelixState("start");
            var states = changes.Select(c => state = c(state)).ToArray();
            StateExpander.Replay(states, Delivery.Split);
        }, iter: Effort.Of(300));
    }

    [Test]
    public void Endpoint_that_is_set_and_removed_between_two_flushes_is_never_told()
    {
        var graph = new CalculationGraph(Node);
        graph.Apply(new(SyncStatus.InSync, 5, []));
        graph.Flush();
        graph.Set(Endpoint("w1", "10.0.0.1/32", ["net"]));
        graph.Remove(new("cni", "w1", "eth0"));
        Assert.That(graph.Flush().OfType<EndpointUpdate>(), Is.Empty);
        Assert.That(graph.Revision, Is.EqualTo(5));
    }
}
