using System.Text.Json;
using Calico.Datastore.Kubernetes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>Rules that name Services: their sets hold what the slices say, whatever way those come.</summary>
[TestFixture]
public sealed class ServiceStates
{
    private static readonly EntityRule Shop = new() { Services = new() { Name = "shop", Namespace = "default" } };

    private static readonly FelixState Nobody = new FelixState("a service that nobody knows")
        .With(Profile("net", [Allow(Shop)], [Allow(null, Shop)]))
        .With(Endpoint("w1", "10.0.0.1/32", ["net"]));

    private static readonly FelixState One = Nobody.With(Slice("s1", "shop", ["10.0.0.2"], ("TCP", 80))).Called("a slice", null);

    private static readonly FelixState[] States =
    [
        Nobody,
        One,
        One.With(Slice("s2", "shop", ["10.0.0.2", "fd00::2"], ("TCP", 80), ("UDP", 53))).Called("a second that says some of it too", null),
        Nobody.With(Slice("s2", "shop", ["10.0.0.2", "fd00::2"], ("UDP", 53))).Called("the first is gone", null),
        One.With(Slice("s2", "cart", ["fd00::2"], ("UDP", 53))).Called("the second is another service's", null),
        One.With(Profile("net", [Allow(Shop)], [Allow()])).Called("nobody asks for its ports", null),
        One.With(Profile("net", [Allow()], [Allow(null, new() { Services = new() { Name = "cart", Namespace = "default" } })]))
            .Called("another is asked", null),
    ];

    private static IEnumerable<TestCaseData> Cases() => StateExpander.Cases(States);

    [TestCaseSource(nameof(Cases))]
    public void States_come_to_the_same_dataplane(FelixState[] states, Delivery way) => StateExpander.Replay(states, way);

    [Test]
    public void A_destination_is_addresses_with_ports_and_a_source_addresses_alone()
    {
        Assert.That(SetsOf(Nobody), Is.EqualTo(new[] { "svc: HostPorts", "svcnoport: Hosts" }));
        Assert.That(SetsOf(States[2]), Is.EqualTo(new[]
        {
            "svc: HostPorts 10.0.0.2,6,80 10.0.0.2,17,53 fd00::2,6,80 fd00::2,17,53",
            "svcnoport: Hosts 10.0.0.2 fd00::2",
        }));
        Assert.That(SetsOf(States[4]), Is.EqualTo(new[] { "svc: HostPorts 10.0.0.2,6,80", "svcnoport: Hosts 10.0.0.2" }));
        Assert.That(SetsOf(States[6]), Is.EqualTo(new[] { "svc: HostPorts" }));
    }

    [Test]
    public void What_stays_never_leaves_a_set()
    {
        var graph = GraphOf(States[2]);
        graph.Flush();
        graph.Apply(new(SyncStatus.InSync, 2, [Slice("s1", "cart", ["10.0.0.2"], ("TCP", 80))]));
        Assert.That(graph.Flush(), Is.Empty, "the other slice says it too");
        graph.Apply(new(SyncStatus.InSync, 3, [Slice("s2", "shop", ["10.0.0.2"], ("TCP", 80))]));
        Assert.That(graph.Flush().OfType<IpSetUpdate>().Select(set => (set.Added.Count, Removed: string.Join(' ', set.Removed))),
            Is.EquivalentTo(new[] { (0, "fd00::2"), (0, "10.0.0.2,17,53 fd00::2,6,80 fd00::2,17,53") }));
    }

    [Test]
    public void Without_a_namespace_it_is_the_policys()
    {
        var own = new EntityRule { Services = new() { Name = "shop" } };
        var rules = GraphOf(One.With(NamespacedPolicy("np", "default", "all()", [Allow(own)]))).Flush().OfType<RuleListUpdate>()
            .SelectMany(list => list.List.Rules.Items).Where(rule => rule.Provenance.Source.Kind == "NetworkPolicy");
        var sets = GraphOf(One).Flush().OfType<IpSetUpdate>().Select(set => set.Id).ToList();
        Assert.That(rules.Single().Match.Source.Set, Is.AnyOf([.. sets]));
    }

    [Test]
    public void What_makes_its_slice_is_read_as_upstream_reads_it()
    {
        var converted = Convert("""
            {"metadata":{"name":"s","namespace":"x","labels":{"kubernetes.io/service-name":"shop"}},
             "endpoints":[{"addresses":["10.0.0.2","10.0.0.3"],"conditions":{"ready":false}},{"addresses":["shop.example","10.0.0.5",7]},
               {"addresses":["10.0.0.4"]},{"addresses":5}],
             "ports":[{"port":80},{"name":"any"},{"port":53,"protocol":"UDP"},{"port":1,"protocol":"SCTP"},
               {"port":2,"protocol":"ICMP"},{"port":0}]}
            """);
        Assert.That(converted.Key.ToString(), Is.EqualTo("KubernetesEndpointSlice(x/s)"));
        Assert.That(converted.Slice!.Spec.Service, Is.EqualTo("shop"));
        Assert.That(converted.Slice.Spec.Addresses.Select(address => address.ToShortString()),
            Is.EqualTo(new[] { "10.0.0.2", "10.0.0.3", "10.0.0.5", "10.0.0.4" }));
        Assert.That(converted.Slice.Spec.Ports, Is.EqualTo(new EndpointSlicePort[] { new(6, 80), new(17, 53), new(132, 1) }));
        Assert.That(converted.Errors, Is.EqualTo(new[]
        {
            "endpoints[1].addresses: \"shop.example\" is no address", "endpoints[1].addresses: 7 is no address",
            "endpoints[3].addresses: a list is expected", "ports[4].protocol: \"ICMP\" is unknown",
            "ports[5].port: 1-65535 is expected",
        }));
        Assert.That(Convert("""{"metadata":{"name":"s"},"endpoints":[{"addresses":["10.0.0.2"]}]}""").Slice, Is.Null, "of no service");
        Assert.That(Convert("""{"metadata":{"name":"s","labels":{"kubernetes.io/service-name":"shop"}},"endpoints":{},"ports":5}""").Errors,
            Is.EqualTo(new[] { "slice.endpoints: a list is expected", "slice.ports: a list is expected" }));
    }

    [Test]
    public void Two_Services_whose_names_joined_are_alike_are_two_sets_and_none_ends_the_graph()
    {
        var graph = new CalculationGraph(Node, followsServices: true);
        graph.Set(Endpoint("w", "10.0.0.1/32", [], ("a", "x")));
        foreach (var (space, name) in new[] { ("a", "b/c"), ("a/b", "c") })
        {
            var policy = Policy("p", 1, "all()", egress: [new() { Action = "Allow", Protocol = new("TCP"),
                Destination = new() { Services = new() { Namespace = space, Name = name } } }]);
            graph.Apply(new(SyncStatus.InSync, 1, [Update(policy)]));
            Assert.That(graph.Flush().OfType<IpSetUpdate>().Count(set => set.Id.StartsWith("svc:", StringComparison.Ordinal)),
                Is.EqualTo(1));
        }

        graph.Apply(new(SyncStatus.InSync, 2, [new(Kinds.GlobalNetworkPolicy.Key("p"), null)]));
        Assert.That(graph.Flush().OfType<IpSetRemove>().Count(), Is.EqualTo(1));
    }

    [TestCase("Allow", "Allow protocol 6")]
    [TestCase("Deny", "Deny any")]
    [TestCase("Pass", "Deny any")]
    public void Where_nobody_tells_of_Services_no_rule_allows_by_one_and_a_policy_that_forbids_by_one_denies(string action, string first)
    {
        var graph = new CalculationGraph(Node);
        graph.Set(Endpoint("w", "10.0.0.1/32", [], ("a", "x")));
        graph.Apply(new(SyncStatus.InSync, 1, [Update(Policy("p", 1, "all()", egress:
        [
            new() { Action = action, Protocol = new("TCP"), Destination = new() { Services = new() { Namespace = "a", Name = "dns" } } },
            new() { Action = "Allow" },
        ]))]));
        var told = graph.Flush();
        var rules = told.OfType<RuleListUpdate>().Single(list => list.List.Id.Contains("/egress/", StringComparison.Ordinal)).List.Rules;
        Assert.That($"{rules[0].Action} {rules[0].Match}", Does.StartWith(first));
        Assert.That(told.OfType<IpSetUpdate>().Where(set => set.Id.StartsWith("svc", StringComparison.Ordinal))
            .SelectMany(set => set.Added.Items),
            Is.Empty);
        if (action != "Allow")
        {
            Assert.That(rules[0].Provenance.Note, Does.StartWith("services: "));
        }
    }

    private static SyncUpdate Update(Resource policy) => new(Kinds.GlobalNetworkPolicy.Key(policy.Metadata.Name), policy);

    private static ConvertedEndpointSlice Convert(string manifest) =>
        EndpointSliceConversion.Convert(JsonDocument.Parse(manifest).RootElement);

    private static SyncUpdate Slice(string name, string service, string[] addresses, params (string Protocol, int Port)[] ports)
    {
        var converted = EndpointSliceConversion.Convert(JsonSerializer.SerializeToElement(new
        {
            metadata = new
            {
                name, @namespace = "default", labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = service },
            },
            endpoints = new[] { new { addresses } },
            ports = ports.Select(port => new { protocol = port.Protocol, port = port.Port }),
        }));
        return new(converted.Key, converted.Slice);
    }

    private static string[] SetsOf(FelixState state) => [.. GraphOf(state).Flush().OfType<IpSetUpdate>()
        .Select(set => string.Join(' ',
            [set.Id.Split(':')[0] + ":", $"{set.Type}", .. set.Added.Items.Select(member => member.ToString())]))
        .Where(text => text.StartsWith("svc", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static CalculationGraph GraphOf(FelixState state)
    {
        var graph = new CalculationGraph(Node, followsServices: true);
        foreach (var endpoint in state.Local.Values)
        {
            graph.Set(endpoint);
        }

        graph.Apply(new(SyncStatus.InSync, 1, [.. state.Stored.Values]));
        return graph;
    }
}
