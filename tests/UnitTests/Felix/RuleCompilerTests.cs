using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Selectors;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>What each field of a rule is compiled to, and what of it is refused, by its name.</summary>
[TestFixture]
public sealed class RuleCompilerTests
{
    private static readonly Dictionary<string, JsonElement> Unknown = new()
    {
        ["zeta"] = JsonDocument.Parse("1").RootElement,
        ["alpha"] = JsonDocument.Parse("1").RootElement,
    };

    private static IEnumerable<TestCaseData> Compiled()
    {
        yield return Case("any", new());
        yield return Case("ip4", new() { IpVersion = 4 });
        yield return Case("ip6", new() { IpVersion = 6 });
        yield return Case("protocol 1", new() { Protocol = new(1) });
        yield return Case("protocol 255", new() { Protocol = new(255) });
        yield return Case("protocol 47", new() { Protocol = new("47") });
        yield return Case("protocol 1", new() { Protocol = new("1") });
        yield return Case("protocol 58", new() { Protocol = new("ICMPv6") });
        yield return Case("protocol 136", new() { Protocol = new("UDPLite") });
        yield return Case("not protocol 132", new() { NotProtocol = new("SCTP") });
        yield return Case("protocol 1 icmp 0", new() { Protocol = new("ICMP"), Icmp = new() { Type = 0 } });
        yield return Case("protocol 1 icmp 255/255", new() { Protocol = new("ICMP"), Icmp = new() { Type = 255, Code = 255 } });
        yield return Case("protocol 1 not icmp 8/0", new() { Protocol = new("ICMP"), NotIcmp = new() { Type = 8, Code = 0 } });
        yield return Case("any", new() { Icmp = new() });
        yield return Case("ip4 from nets 10.0.0.0/8", new() { Source = new() { Nets = ["10.0.0.0/8"] } });
        yield return Case("ip6 to nets fd00::/8,2001:db8::/32", new() { Destination = new() { Nets = ["fd00::/8", "2001:db8::/32"] } });
        yield return Case("ip4 from not nets 10.0.0.0/8", new() { Source = new() { NotNets = ["10.0.0.0/8"] } });
        yield return Case("protocol 6 to ports 80,100-200",
            new() { Protocol = new("TCP"), Destination = new() { Ports = [new(80), new("100:200")] } });
        yield return Case("protocol 6 from not ports 80", new() { Protocol = new("TCP"), Source = new() { NotPorts = [new(80)] } });
        yield return Case("from set A", new() { Source = new() { Selector = "a == 'x'" } }, "a == 'x'");
        yield return Case("from not set A", new() { Source = new() { NotSelector = "a == 'x'" } }, "a == 'x'");
        yield return Case("from set A", new() { Source = new() { NamespaceSelector = "ns == 'x'" } }, "pcns.ns == 'x'");
        yield return Case("from set A", new() { Source = new() { NamespaceSelector = "all()", Selector = "a == 'x'" } },
            "has(projectcalico.org/namespace) && a == 'x'");
        yield return Case("from set A", new() { Source = new() { NamespaceSelector = "global()" } }, "!has(projectcalico.org/namespace)");
        yield return Case("from set A", new() { Source = new() { ServiceAccounts = new() { Names = ["one", "two"] } } },
            "projectcalico.org/serviceaccount in {'one','two'}");
        yield return Case("from set A", new() { Source = new() { ServiceAccounts = new() { Selector = "team == 'x'" } } },
            "pcsa.team == 'x'");
        yield return Case("from set A", new() { Source = new() { ServiceAccounts = new() { Names = ["one"], Selector = "" } } },
            "projectcalico.org/serviceaccount in {'one'}");
        yield return Case("from set A", new() { Source = new() { ServiceAccounts = new() { Names = ["one"], Selector = "team == 'x'" } } },
            "projectcalico.org/serviceaccount in {'one'} && pcsa.team == 'x'");
        yield return Case("from set A", new() { Source = new() { ServiceAccounts = new() { Names = ["one"] }, Selector = "a == 'x'" } },
            "projectcalico.org/serviceaccount in {'one'} && a == 'x'");
    }

    [TestCaseSource(nameof(Compiled))]
    public void A_field_is_compiled_to_what_it_says(string expected, Rule rule, string? set) =>
        Assert.That(Ingress(rule with { Action = "Allow" }),
        Is.EqualTo(new[] { "Allow " + (set is null ? expected : expected.Replace("set A", "set " + Id(set), StringComparison.Ordinal)) }));

    private static IEnumerable<TestCaseData> Refused()
    {
        yield return new("ipVersion: 5", new Rule { IpVersion = 5 });
        yield return new("protocol: 0", new Rule { Protocol = new(0) });
        yield return new("protocol: 256", new Rule { Protocol = new(256) });
        yield return new("protocol: \"0\" is unknown", new Rule { Protocol = new("0") });
        yield return new("protocol: \"smoke\" is unknown", new Rule { Protocol = new("smoke") });
        yield return new("notProtocol: \"256\" is unknown", new Rule { NotProtocol = new("256") });
        yield return new("icmp: type 256, code ", new Rule { Protocol = new("ICMP"), Icmp = new() { Type = 256 } });
        yield return new("icmp: type -1, code ", new Rule { Protocol = new("ICMP"), Icmp = new() { Type = -1 } });
        yield return new("icmp: type 8, code 256", new Rule { Protocol = new("ICMP"), Icmp = new() { Type = 8, Code = 256 } });
        yield return new("notICMP: type 8, code -1", new Rule { Protocol = new("ICMP"), NotIcmp = new() { Type = 8, Code = -1 } });
        yield return new("icmp: type , code 1", new Rule { Protocol = new("ICMP"), Icmp = new() { Code = 1 } });
        yield return new("source.services.name: is missing", new Rule { Source = new() { Services = new() { Namespace = "x" } } });
        yield return new("destination.services.namespace: is missing",
            new Rule { Destination = new() { Services = new() { Name = "s" } } });
        yield return new("unknown field source.services.alpha",
            new Rule { Source = new() { Services = new() { Name = "s", Unknown = Unknown } } });
        foreach (var (beside, side) in new (string, EntityRule)[]
        {
            ("selector", new() { Selector = "all()" }), ("notSelector", new() { NotSelector = "all()" }),
            ("namespaceSelector", new() { NamespaceSelector = "all()" }),
            ("serviceAccounts", new() { ServiceAccounts = new() { Names = ["a"] } }), ("nets", new() { Nets = ["10.0.0.0/8"] }),
            ("notNets", new() { NotNets = ["10.0.0.0/8"] }), ("ports", new() { Ports = [new(80)] }),
            ("notPorts", new() { NotPorts = [new(80)] }),
        })
        {
            yield return new($"destination.services: not together with {beside}", new Rule
            {
                Protocol = new("TCP"), Destination = side with { Services = new() { Name = "s", Namespace = "x" } },
            });
        }

        yield return new("source.nets: \"10.0.0.0/33\" is no address range", new Rule { Source = new() { Nets = ["10.0.0.0/33"] } });
        yield return new("destination.notNets: \"x\" is no address range", new Rule { Destination = new() { NotNets = ["x"] } });
        yield return new("source.nets: both IPv4 and IPv6", new Rule { Source = new() { Nets = ["10.0.0.0/8", "fd00::/8"] } });
        yield return new("destination.ports: \"70000\" is no port",
            new Rule { Protocol = new("TCP"), Destination = new() { Ports = [new(70000)] } });
        yield return new("destination.ports: \"\" is no port",
            new Rule { Protocol = new("TCP"), Destination = new() { Ports = [new("")] } });
        yield return new("destination.notPorts: \"1-2\" is no port",
            new Rule { Protocol = new("TCP"), Destination = new() { NotPorts = [new("1-2")] } });
        yield return new("destination.ports: ports need the protocol TCP, UDP or SCTP",
            new Rule { Protocol = new("ICMP"), Destination = new() { Ports = [new(80)] } });
        yield return new("unknown field alpha", new Rule { Unknown = Unknown });
        yield return new("unknown field source.alpha", new Rule { Source = new() { Unknown = Unknown } });
    }

    [TestCaseSource(nameof(Refused))]
    public void A_rule_that_cannot_be_used_denies_and_says_which_field(string reason, Rule rule) =>
        Assert.That(Provenances([new() { Action = "Allow" }, rule with { Action = "Allow" }]),
            Is.EqualTo(new[] { $"Deny any # Profile(p) rule 1 @7: {reason}" }));

    [TestCase("selector", "a ==", null, null, null)]
    [TestCase("source.notSelector", null, "a ==", null, null)]
    [TestCase("namespaceSelector", null, null, "a ==", null)]
    [TestCase("serviceAccounts.selector", null, null, null, "a ==")]
    public void A_selector_that_does_not_parse_is_named_by_its_field(string field, string? selector, string? not, string? namespaces,
        string? accounts) =>
        Assert.That(Provenances([new()
        {
            Action = "Allow",
            Source = new() { Selector = selector, NotSelector = not, NamespaceSelector = namespaces,
                ServiceAccounts = accounts is null ? null : new() { Selector = accounts } },
        }]), Has.Exactly(1).StartsWith($"Deny any # Profile(p) rule 0 @7: {field}: "));

    [Test]
    public void Without_unknown_fields_an_empty_table_of_them_is_nothing() =>
        Assert.That(Ingress(new() { Action = "Allow", Unknown = [], Source = new() { Unknown = [] } }), Is.EqualTo(new[] { "Allow any" }));

    [Test]
    public void A_named_port_asks_the_endpoints_that_the_selector_matches_and_numbers_beside_it_are_a_rule_of_their_own()
    {
        var updates = Updates([new() { Action = "Allow", Protocol = new("TCP"),
            Destination = new() { Selector = "a == 'x'", Ports = [new(80), new("web")], NotPorts = [new("metrics")] } }]);
        var rules = updates.OfType<RuleListUpdate>().Single(u => u.List.Id.EndsWith("/ingress", StringComparison.Ordinal)).List.Rules;
        Assert.That(rules.Count, Is.EqualTo(2));
        Assert.That(rules[0].Match.Destination.Set, Is.EqualTo(Id("a == 'x'")));
        Assert.That(rules[0].Match.Destination.PortSet, Is.Null);
        Assert.That(rules[1].Match.Destination.Set, Is.Null);
        // The endpoint that matches defines web; the one that does not match defines it too and is no member.
        var members = updates.OfType<IpSetUpdate>().Single(u => u.Id == rules[1].Match.Destination.PortSet).Added;
        Assert.That(members.Items.Select(m => m.ToString()), Is.EqualTo(new[] { "10.0.0.1,6,8080" }));
        Assert.That(updates.OfType<IpSetUpdate>().Single(u => u.Id == rules[0].Match.Destination.NotPortSets[0]).Added, Is.Empty);
    }

    [Test]
    public void A_packet_that_meets_a_number_and_a_name_of_one_rule_is_logged_once()
    {
        var rules = List([new() { Action = "Log", Protocol = new("TCP"),
            Destination = new() { Ports = [new("1:65535"), new("web"), new("alt")] } }]);
        Assert.That(rules.Select(r => r.Match.Destination.NotPorts.Count), Is.EqualTo(new[] { 0, 1, 1 }));
        Assert.That(rules.Select(r => r.Match.Destination.NotPortSets.Count), Is.EqualTo(new[] { 0, 0, 1 }));
        Assert.That(rules[2].Match.Destination.NotPortSets[0], Is.EqualTo(rules[1].Match.Destination.PortSet));
    }

    [Test]
    public void A_named_port_that_is_not_to_be_asks_the_endpoints_that_the_selector_matches_too()
    {
        var updates = Updates(
            [new() { Action = "Allow", Protocol = new("TCP"), Destination = new() { Selector = "a == 'x'", NotPorts = [new("web")] } }]);
        var rule = updates.OfType<RuleListUpdate>()
            .Single(u => u.List.Id.EndsWith("/ingress", StringComparison.Ordinal)).List.Rules.Items.Single();
        Assert.That(rule.Match.Destination.Set, Is.EqualTo(Id("a == 'x'")));
        var members = updates.OfType<IpSetUpdate>().Single(u => u.Id == rule.Match.Destination.NotPortSets[0]).Added;
        Assert.That(members.Items.Select(m => m.ToString()), Is.EqualTo(new[] { "10.0.0.1,6,8080" }));
    }

    [TestCase("web-1")]
    [TestCase("8080-alt")]
    [TestCase("w")]
    public void A_port_with_a_letter_anywhere_is_a_name(string port)
    {
        var match = List([new() { Action = "Allow", Protocol = new("TCP"), Destination = new() { Ports = [new(port)] } }])
            .Single().Match.Destination;
        Assert.That((match.PortSet is not null, match.Ports.IsEmpty), Is.EqualTo((true, true)));
    }

    [Test]
    public void Sets_of_a_list_that_denies_are_not_asked() =>
        Assert.That(Updates([new() { Action = "Allow", Source = new() { Selector = "a == 'x'" } }, new() { Action = "Explode" }])
            .OfType<IpSetUpdate>().Select(u => u.Id), Does.Not.Contain(Id("a == 'x'")));

    [Test]
    public void A_policy_of_a_namespace_confines_what_it_selects_and_not_its_nets()
    {
        var state = new FelixState("namespaced").With(FelixState.NamespacedPolicy("np", "default", "all()",
            [FelixState.Allow(new() { NotSelector = "a == 'x'" }), FelixState.Allow(new() { Nets = ["10.0.0.0/8"] }),
                FelixState.Allow(new() { NamespaceSelector = "ns == 'y'" })]));
        var rules = Updates(state).OfType<RuleListUpdate>().Single(u => u.List.Id.StartsWith("tier/", StringComparison.Ordinal)).List.Rules;
        Assert.That(rules[0].Match.Source.Set, Is.EqualTo(Id("projectcalico.org/namespace == 'default'")));
        Assert.That(rules[1].Match.Source.Set, Is.Null);
        Assert.That(rules[2].Match.Source.Set, Is.EqualTo(Id("pcns.ns == 'y'")));
    }

    private static TestCaseData Case(string expected, Rule rule, string? set = null) => new TestCaseData(expected, rule, set)
        .SetArgDisplayNames(expected,
            set ?? JsonSerializer.Serialize(rule).Length.ToString(System.Globalization.CultureInfo.InvariantCulture));

    private static string[] Ingress(Rule rule) => [.. List([rule]).Select(r => $"{r.Action} {r.Match}")];

    private static string[] Provenances(Rule[] rules) => [.. List(rules).Select(r => $"{r.Action} {r.Match} # {r.Provenance}")];

    private static ImmutableArray<CompiledRule> List(Rule[] rules) =>
        Updates(rules).OfType<RuleListUpdate>().Single(u => u.List.Id == "profile/p/ingress").List.Rules.Items;

    private static ImmutableArray<DataplaneUpdate> Updates(Rule[] rules) =>
        Updates(new FelixState("one profile").With(FelixState.Profile("p", rules)));

    private static ImmutableArray<DataplaneUpdate> Updates(FelixState state)
    {
        var graph = new CalculationGraph(FelixState.Node);
        graph.Set(FelixState.Endpoint("w1", "10.0.0.1/32", ["p"], ("a", "x")));
        graph.Set(FelixState.Endpoint("w2", "10.0.0.2/32", ["p"], ("a", "y")));
        graph.Apply(new(SyncStatus.InSync, 1, [.. state.Stored.Values]));
        return graph.Flush();
    }

    private static string Id(string selector) => Selector.TryParse(selector, out var parsed, out _) ? parsed.Id
        : throw new AssertionException(selector);
}
