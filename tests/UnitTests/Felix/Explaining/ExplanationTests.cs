using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix.Explaining;

/// <summary>What <see cref="ClusterPolicy"/> says of a connection, and in which words.</summary>
[TestFixture]
public sealed class ExplanationTests
{
    private const byte Icmp = 1;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    private static readonly PolicyPeer Stranger = new(null, Cidr.Parse("192.0.2.9/32"));
    private static readonly PolicyPeer Shop = PeerOf("shop", "10.0.0.1/32");
    private static readonly PolicyPeer Web = PeerOf("web", "10.0.0.2/32");

    private static readonly FelixState Two = new FelixState("two endpoints of one network")
        .With(Profile("net", [Allow()], [Allow()]))
        .With(Remote("shop", "10.0.0.1/32", profiles: ["net"], ports: [new() { Name = "front", Protocol = new("TCP"), Port = 40000 }],
            labels: ("role", "shop")))
        .With(Remote("web", "10.0.0.2/32", node: "node-c", profiles: ["net"],
            ports: [new() { Name = "http", Protocol = new("TCP"), Port = 80 }], labels: ("role", "web")));

    [Test]
    public void Each_field_that_a_packet_does_not_meet_is_said_in_words()
    {
        Assert.That(WhyNot(Tcp, 80,
            Allow() with { IpVersion = 6 }, Allow(protocol: "UDP"), Allow() with { NotProtocol = new("TCP") },
            Allow(new() { Nets = ["10.9.0.0/16"] }), Allow(null, new() { Nets = ["10.9.0.0/16", "10.8.0.0/16"] }),
            Allow(new() { NotNets = ["10.0.0.0/24"] }), Allow(null, new() { NotNets = ["10.0.0.0/24"] })),
            Is.EqualTo(new[]
            {
                "Allow ip6: it is for IPv6", "Allow protocol 17: the protocol is TCP", "Allow not protocol 6: the protocol is TCP",
                "Allow ip4 from nets 10.9.0.0/16: source 10.0.0.1 is in none of its nets",
                "Allow ip4 to nets 10.9.0.0/16,10.8.0.0/16: destination 10.0.0.2 is in none of its nets",
                "Allow ip4 from not nets 10.0.0.0/24: source 10.0.0.1 is in its notNets",
                "Allow ip4 to not nets 10.0.0.0/24: destination 10.0.0.2 is in its notNets",
            }));
        Assert.That(WhyNot(Tcp, 80,
            Allow(new() { Ports = [new(1)] }, protocol: "TCP"), Allow(null, new() { Ports = [new(81), new("90:99")] }, "TCP"),
            Allow(new() { NotPorts = [new("1:65535")] }, protocol: "TCP"), Allow(null, new() { NotPorts = [new(80)] }, "TCP")),
            Is.EqualTo(new[]
            {
                "Allow protocol 6 from ports 1: source port 40000 is none of its ports",
                "Allow protocol 6 to ports 81,90-99: destination port 80 is none of its ports",
                "Allow protocol 6 from not ports 1-65535: source port 40000 is one of its notPorts",
                "Allow protocol 6 to not ports 80: destination port 80 is one of its notPorts",
            }));
    }

    [Test]
    public void A_selector_is_told_as_it_was_written_and_not_as_the_kernels_set()
    {
        Assert.That(WhyNot(Tcp, 80,
            Allow(new() { Selector = "role == 'web'" }), Allow(null, new() { Selector = "role == 'shop'" }),
            Allow(new() { NotSelector = "has(role)" }), Allow(new() { Selector = "all()" }, new() { Selector = "role == 'shop'" })),
            Is.EqualTo(new[]
            {
                "Allow from \"role == \"web\"\": source 10.0.0.1 is not in \"role == \"web\"\"",
                "Allow to \"role == \"shop\"\": destination 10.0.0.2 is not in \"role == \"shop\"\"",
                "Allow from not \"has(role)\": source 10.0.0.1 is in \"has(role)\"",
                "Allow from \"all()\" to \"role == \"shop\"\": destination 10.0.0.2 is not in \"role == \"shop\"\"",
            }));
    }

    [Test]
    public void A_named_port_is_met_by_who_has_it_with_that_number_alone()
    {
        var http = Allow(null, new() { Ports = [new("http")] }, "TCP");
        Assert.That(Explain(Two.With(Profile("net", [http], [Allow()])), Shop, Web, Tcp, 80).Allowed);
        Assert.That(WhyNot(Tcp, 81, http),
            Is.EqualTo(new[]
            {
                "Allow protocol 6 to port \"port http of all()\": destination 10.0.0.2 port 81 is not in \"port http of all()\"",
            }));
        Assert.That(WhyNot(Tcp, 80, Allow(null, new() { Ports = [new("front")] }, "TCP")).Single(),
            Does.EndWith(": destination 10.0.0.2 port 80 is not in \"port front of all()\""));
        Assert.That(WhyNot(Tcp, 80, Allow(null, new() { NotPorts = [new("http")] }, "TCP")).Single(),
            Does.EndWith(": destination 10.0.0.2 port 80 is one of its named notPorts"));
        Assert.That(WhyNot(Tcp, 80, Allow(new() { NotPorts = [new("front")] }, protocol: "TCP")).Single(),
            Does.EndWith(": source 10.0.0.1 port 40000 is one of its named notPorts"));
        Assert.That(WhyNot(Icmp, 0, Allow(new() { Ports = [new("front")] })).Single(),
            Does.EndWith(": source 10.0.0.1 port 0 is not in \"port front of all()\""));
    }

    [Test]
    public void Types_of_ICMP_are_met_by_the_type_that_is_given()
    {
        var ping = Allow() with { Protocol = new("ICMP"), Icmp = new() { Type = 8 } };
        Assert.That(Explain(Two.With(Profile("net", [ping], [Allow()])), Shop, Web, Icmp, 0, new(8, 0)).Allowed);
        Assert.That(WhyNot(Icmp, 0, new IcmpTypeCode(11, 1), ping, Allow() with { Protocol = new("ICMP"), NotIcmp = new() { Type = 11 } }),
            Is.EqualTo(new[] { "Allow protocol 1 icmp 8: the ICMP type is 11", "Allow protocol 1 not icmp 11: the ICMP type is 11" }));
        Assert.That(WhyNot(Icmp, 0, ping).Single(), Does.EndWith(": no ICMP type is given"));
    }

    [TestCase(Icmp, "ICMP")]
    [TestCase(Tcp, "TCP")]
    [TestCase(Udp, "UDP")]
    [TestCase((byte)47, "47")]
    [TestCase((byte)58, "ICMPv6")]
    [TestCase((byte)132, "SCTP")]
    public void Protocols_have_their_names(byte protocol, string name) =>
        Assert.That(WhyNot(protocol, 0, Allow() with { Protocol = new(99) }),
            Is.EqualTo(new[] { $"Allow protocol 99: the protocol is {name}" }));

    [Test]
    public void What_follows_the_rule_that_decides_is_not_asked()
    {
        var state = Two.With(Tier("first", 1, "Pass")).With(Tier("second", 2, "Deny"))
            .With(Policy("a", 1, "role == 'web'", [new() { Action = "Log" }, Deny("UDP")], tier: "first"))
            .With(Policy("b", 2, "role == 'web'", [new() { Action = "Pass" }, Deny()], tier: "first"))
            .With(Policy("c", 1, "role == 'web'", [Allow(protocol: "TCP"), Deny(), Allow()], tier: "second"));
        Assert.That(Told(Explain(state, Shop, Web, Tcp, 80)), Is.EqualTo(new[]
        {
            "Egress allowed by Profile(net) rule 0 @7", "profile net", "  + Allow any",
            "Ingress allowed by second/GlobalNetworkPolicy(c) rule 0 @7",
            "tier first: GlobalNetworkPolicy(a), GlobalNetworkPolicy(b), on", "  + Log any", "  - Deny protocol 17", "  + Pass any",
            "tier second: GlobalNetworkPolicy(c)", "  + Allow protocol 6",
        }));
        Assert.That(Told(Explain(state, Shop, Web, Udp, 53))[3..], Is.EqualTo(new[]
        {
            "Ingress denied by first/GlobalNetworkPolicy(a) rule 1 @7", "tier first: GlobalNetworkPolicy(a), GlobalNetworkPolicy(b)",
            "  + Log any", "  + Deny protocol 17",
        }));
        Assert.That(Told(Explain(state, Shop, Web, Icmp, 0))[^4..], Is.EqualTo(new[]
        {
            "  + Pass any", "tier second: GlobalNetworkPolicy(c)", "  - Allow protocol 6", "  + Deny any",
        }));
    }

    [Test]
    public void The_end_of_a_tier_and_the_end_of_the_profiles_are_told()
    {
        var state = Two.With(Policy("p", 1, "role == 'web'", [Allow(protocol: "UDP")]));
        Assert.That(Told(Explain(state, Shop, Web, Tcp, 80))[3..], Is.EqualTo(new[]
        {
            "Ingress denied by end of tier default", "tier default: GlobalNetworkPolicy(p)", "  - Allow protocol 17",
            "  + Deny at the end of the tier",
        }));
        state = Two.With(Profile("net", [Allow(protocol: "UDP")], [Allow()])).With(Profile("more", [new() { Action = "Log" }]))
            .With(Remote("web", "10.0.0.2/32", profiles: ["net", "more"]));
        var explanation = Explain(state, Shop, Web, Tcp, 80);
        Assert.That(Told(explanation)[3..], Is.EqualTo(new[]
        {
            "Ingress denied by ", "profile net, on", "  - Allow protocol 17", "profile more, on", "  + Log any",
        }));
        Assert.That(explanation.Directions[1].DecidedBy, Is.Null);
    }

    [Test]
    public void Only_workloads_are_judged_and_the_receiver_also_where_the_sender_is_denied()
    {
        Assert.That(Explain(Two, Stranger, Web, Tcp, 80).Directions.Select(d => d.Direction),
            Is.EqualTo(new[] { PolicyDirection.Ingress }));
        Assert.That(Explain(Two, Shop, Stranger, Tcp, 80).Directions.Select(d => d.Direction),
            Is.EqualTo(new[] { PolicyDirection.Egress }));
        Assert.That(Explain(Two, Stranger, Stranger, Tcp, 80),
            Is.EqualTo(new Explanation(true, [])).Using<Explanation>((a, b) => a.Allowed == b.Allowed && b.Directions.IsEmpty));
        Assert.That(Explain(Two.With(Profile("net", [Deny()], [Deny()])), Web, Web, Tcp, 80).Allowed, "it never leaves the workload");
        var silent = Explain(Two.With(Profile("net", [Allow()], [Deny()])), Shop, Web, Tcp, 80);
        Assert.That((silent.Allowed, silent.Directions[0].Allowed, silent.Directions[1].Allowed), Is.EqualTo((false, false, true)));
        Assert.That(silent.Directions[0].DecidedBy!.Action, Is.EqualTo(RuleAction.Deny));
    }

    [Test]
    public void Endpoints_are_known_by_what_the_store_says_of_them()
    {
        var account = Remote("bot", "fd00::7/128", profiles: ["net"]);
        var spec = account.Spec with { ServiceAccountName = "builder", IpNetworks = ["fd00::7/128", "10.0.0.7/32"], Profiles = null };
        var state = Two.With(account with { Spec = spec })
            .WithDamaged("WorkloadEndpoint", "broken", "spec: not an object")
            .With(Set("near", "default", ["10.0.0.0/28"], ("kind", "near")))
            .With(Policy("from-bots", 1, "role == 'web'", [Allow(new() { ServiceAccounts = new() { Names = ["builder"] } }),
                Allow(new() { Selector = "kind == 'near'" }, protocol: "UDP")]))
            .With(NamespacedPolicy("elsewhere", "other", "all()", [Deny()]));
        var policy = ClusterPolicy.Compile(state.Stored.Values);
        Assert.That(policy.Endpoints.Select(e => (e.Key.Name, Count: e.Addresses.Count)).Order(),
            Is.EqualTo(new[] { ("bot", 2), ("shop", 1), ("web", 1) }));
        Assert.That(policy.Endpoints.Single(e => e.Key.Name == "bot").Addresses,
            Is.EquivalentTo(new[] { Cidr.Parse("fd00::7/128"), Cidr.Parse("10.0.0.7/32") }));
        // Its account is known, it has no profile, and what is in the set of a range may come by UDP.
        Assert.That(policy.Explain(new(null, Cidr.Parse("10.0.0.7/32")), Web, Tcp, 80, null).Allowed);
        Assert.That(policy.Explain(PeerOf("bot", "10.0.0.7/32"), Web, Tcp, 80, null).Directions.Select(d => d.Allowed),
            Is.EqualTo(new[] { false, true }));
        Assert.That(policy.Explain(Shop, Web, Udp, 53, null).Allowed);
        Assert.That(policy.Explain(Shop, Web, Tcp, 53, null).Allowed, Is.False);
        Assert.That(policy.Explain(Stranger, Web, Udp, 53, null).Allowed, Is.False);
    }

    [Test]
    public void Namespace_and_orchestrator_of_an_endpoint_are_what_its_policies_and_peers_go_by()
    {
        var state = Two.With(NamespacedPolicy("here", "default", "role == 'web'",
            [Allow(new() { Selector = "projectcalico.org/orchestrator == 'cni'" }, protocol: "TCP"), Deny()]));
        Assert.That(Explain(state, Shop, Web, Tcp, 80).Directions[1].DecidedBy?.Provenance.ToString(),
            Is.EqualTo("default/NetworkPolicy(default/here) rule 0 @7"));
        Assert.That(Explain(state, Stranger, Web, Tcp, 80).Directions[0].DecidedBy?.Provenance.ToString(),
            Is.EqualTo("default/NetworkPolicy(default/here) rule 1 @7"));
    }

    private static string[] WhyNot(byte protocol, ushort port, params Rule[] rules) => WhyNot(protocol, port, null, rules);

    /// <summary>Of the receiver's only profile, none of whose rules is met: each with its reason.</summary>
    private static string[] WhyNot(byte protocol, ushort port, IcmpTypeCode? icmp, params Rule[] rules)
    {
        var explanation = Explain(Two.With(Profile("net", rules, [Allow()])), Shop, Web, protocol, port, icmp);
        Assert.That(explanation.Allowed, Is.False);
        var asked = explanation.Directions[1].Steps.Single().Rules;
        Assert.That(asked.Select(rule => rule.Matches), Is.All.False);
        return [.. asked.Select(rule => $"{rule.Text}: {rule.WhyNot}")];
    }

    private static IEnumerable<string> Told(ExplainedStep step) => step.Rules
        .Select(rule => $"  {(rule.Matches ? "+" + rule.WhyNot : "-")} {rule.Text}")
        .Prepend(step.Title + (step.Policies.IsEmpty ? "" : ": " + string.Join(", ", step.Policies)) + (step.PassesOn ? ", on" : ""));

    private static string[] Told(Explanation explanation) => [.. explanation.Directions.SelectMany(d => d.Steps.SelectMany(Told)
        .Prepend($"{d.Direction} {(d.Allowed ? "allowed" : "denied")} by {d.DecidedBy?.Provenance}"))];

    private static Explanation Explain(FelixState state, PolicyPeer from, PolicyPeer to, byte protocol, ushort port,
        IcmpTypeCode? icmp = null) => ClusterPolicy.Compile(state.Stored.Values).Explain(from, to, protocol, port, icmp);

    private static PolicyPeer PeerOf(string name, string address) => new(Kinds.WorkloadEndpoint.Key("default", name), Cidr.Parse(address));
}
