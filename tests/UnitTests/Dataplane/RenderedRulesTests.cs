using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;
using NUnit.Framework;
using static Calico.UnitTests.Dataplane.RuleText;

namespace Calico.UnitTests.Dataplane;

/// <summary>What a packet meets: each part of a rule as the kernel gets it, and each way that ends nowhere.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RenderedRulesTests
{
    private const string ListId = "profile/net/ingress";
    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");
    private static readonly WorkloadEndpointId Id = new("cni", "a", "eth0");

    private readonly RulesetTranslator _translator = new(new() { NodeName = "node-a" });

    [Test]
    public void What_is_not_known_ends_in_every_chain_that_a_packet_can_come_to()
    {
        Assert.That(Chain(_translator, "forward-egress"), Has.Member("IncomingName->R1 | R1 Equal 63616c69 | goto drop/unknown-endpoint"));
        Assert.That(Chain(_translator, "forward-ingress"), Has.Member("OutgoingName->R1 | R1 Equal 63616c69 | goto drop/unknown-endpoint"));
        Assert.That(Chain(_translator, "forward-ingress")[0], Is.EqualTo("OutgoingName->R1 | R1 in @workloads | goto wl-ingress"));
        Assert.That(Chain(_translator, "input-egress")[0], Is.EqualTo("IncomingName->R1 | R1 NotEqual 63616c69 | accept"));
        Assert.That(Chain(_translator, "input-egress")[^1], Is.EqualTo("goto drop/unknown-endpoint"));
        Assert.That(Chain(_translator, "wl-egress")[^1], Is.EqualTo("02000000->r0 | r0->Mark | goto drop/profile-none"));
        Assert.That(Chain(_translator, "wl-ingress")[^1], Is.EqualTo("01000000->r0 | r0->Mark | goto drop/profile-none"));
        Assert.That(Chain(_translator, "not-labelled"), Is.EqualTo(new[] { "goto drop/not-labelled" }));
        Assert.That(Chain(_translator, "ct-inv"), Is.EqualTo(new[] { "goto drop/ct-invalid" }));
    }

    [Test]
    public void What_no_workload_may_send_is_dropped_before_anything_else_sees_it()
    {
        const string Ipv6Icmp = "NetworkFamily->R1 | R1 Equal 0a | TransportProtocol->R1 | R1 Equal 3a | TransportHeader+0:1->R1";
        const string Udp = "TransportProtocol->R1 | R1 Equal 11";
        string[] always =
        [
            $"{Ipv6Icmp} | R1 in 86-86 | goto drop/ra",
            $"{Udp} | TransportHeader+0:2->R1 | R1 Equal 0043 | TransportHeader+2:2->R1 | R1 Equal 0044 | goto drop/dhcp-server",
            $"{Udp} | TransportHeader+0:2->R1 | R1 Equal 0223 | TransportHeader+2:2->R1 | R1 Equal 0222 | goto drop/dhcp-server",
        ];
        string[] tunnels =
        [
            $"{Udp} | TransportHeader+2:2->R1 | R1 Equal 12b5 | goto drop/encap-source",
            "TransportProtocol->R1 | R1 Equal 04 | goto drop/encap-source",
        ];
        const string Spoofed = "fib | R1 Equal 00000000 | goto drop/anti-spoof";
        Assert.That(Raw(), Is.EqualTo((string[])[.. always, .. tunnels, Spoofed]));

        _translator.Apply(new SettingsUpdate(new() { AllowIpipFromWorkloads = true, AllowVxlanFromWorkloads = true }));
        Assert.That(Raw(), Is.EqualTo((string[])[.. always, Spoofed]));
    }

    [Test]
    public void Programs_drop_what_no_list_decides()
    {
        Publish(EndpointGate.Open);
        var program = Chain(_translator, ProgramOf("ingress-programs"));
        Assert.That(program, Is.EqualTo(new[] { $"jump list/{ListId}", "01000000->r0 | r0->Mark | goto drop/profile-none" }));
    }

    [TestCase("ingress-programs")]
    [TestCase("egress-programs")]
    public void An_endpoint_whose_labels_are_awaited_is_closed_in_both_directions(string map)
    {
        Publish(EndpointGate.NotLabelled);
        Assert.That(Chain(_translator, ProgramOf(map)), Is.EqualTo(new[] { "goto not-labelled" }));
        Publish(EndpointGate.Open);
        Assert.That(Chain(_translator, ProgramOf(map))[0], Is.EqualTo($"jump list/{ListId}"));
    }

    [TestCase(false, 1, "NetworkHeader+12:4->R1 | R1 in 0a000000-0a0000ff")]
    [TestCase(false, 2, "NetworkHeader+12:4->R1 | R1 in @")]
    [TestCase(true, 1, "NetworkHeader+12:4->R1 | R1 not in 0a000000-0a0000ff")]
    [TestCase(true, 2, "NetworkHeader+12:4->R1 | R1 not in @")]
    public void Ranges_keep_their_sense_whether_one_or_several(bool isNegated, int count, string expected)
    {
        EquatableArray<Cidr> nets = new([.. new[] { "10.0.0.0/24", "10.2.0.0/24" }.Take(count).Select(Cidr.Parse)]);
        Assert.That(Render(new RuleMatch { Source = isNegated ? new() { NotNets = nets } : new() { Nets = nets } })[0],
            Does.Contain(expected));
    }

    [TestCase(false, 1, "R1 in 0050-005a")]
    [TestCase(false, 2, "R1 in @ports-")]
    [TestCase(true, 1, "R1 not in 0050-005a")]
    [TestCase(true, 2, "R1 not in @ports-")]
    public void Ports_keep_their_sense_whether_one_or_several(bool isNegated, int count, string expected)
    {
        EquatableArray<PortRange> ports = new([.. new[] { new PortRange(80, 90), new PortRange(443, 443) }.Take(count)]);
        Assert.That(Render(new RuleMatch { Protocol = 6, Destination = isNegated ? new() { NotPorts = ports }
            : new() { Ports = ports } })[0],
            Does.Contain($"TransportHeader+2:2->R1 | {expected}"));
    }

    [TestCase(1, "02")]
    [TestCase(58, "0a")]
    public void ICMP_of_one_family_is_asked_of_that_family_only(int protocol, string family) =>
        Assert.That(Render(new RuleMatch { Protocol = (byte)protocol, NotIcmp = new(8, null) }), Is.EqualTo(new[]
        {
            $"NetworkFamily->R1 | R1 Equal {family} | TransportProtocol->R1 | R1 Equal {protocol:x2} | TransportHeader+0:1->R1 | R1 "
                + "NotEqual 08 | count rule | accept",
        }));

    [Test]
    public void Two_rules_with_the_same_ranges_share_a_set_that_goes_with_the_last()
    {
        var match = new RuleMatch { Source = new() { Nets = new([Cidr.Parse("10.0.0.0/24"), Cidr.Parse("10.2.0.0/24")]) } };
        _translator.Apply(new RuleListUpdate(List("profile/x/ingress", match)));
        _translator.Apply(new RuleListUpdate(List("profile/y/ingress", match)));
        Assert.That(ContentSets(), Has.Length.EqualTo(1));
        _translator.Apply(new RuleListRemove("profile/x/ingress"));
        Assert.That(ContentSets(), Has.Length.EqualTo(1), "the other rule looks into it");
        _translator.Apply(new RuleListUpdate(List("profile/y/ingress", match, RuleMatch.Any)));
        Assert.That(ContentSets(), Has.Length.EqualTo(1), "the new rule looks into it, as the old one did");
        _translator.Apply(new RuleListRemove("profile/y/ingress"));
        Assert.That(ContentSets(), Is.Empty);
    }

    [Test]
    public void Members_come_and_go()
    {
        IpSetMember[] hosts = [new(Cidr.Parse("10.0.0.1/32")), new(Cidr.Parse("10.0.0.2/32")), new(Cidr.Parse("fd00::1/128"))];
        _translator.Apply(new IpSetUpdate("s:h", IpSetType.Hosts, new([.. hosts]), []));
        _translator.Apply(new IpSetUpdate("s:h", IpSetType.Hosts, [], new([hosts[0], hosts[2]])));
        Assert.That((Count("s4-h"), Count("s6-h")), Is.EqualTo((1, 0)));

        IpSetMember[] nets = [new(Cidr.Parse("10.0.0.0/8")), new(Cidr.Parse("10.1.0.0/16")), new(Cidr.Parse("10.2.0.0/16"))];
        _translator.Apply(new IpSetUpdate("n:p", IpSetType.Nets, new([.. nets]), []));
        Assert.That(Count("net4-p"), Is.EqualTo(2), "a start and an end: the wider holds the others");
        _translator.Apply(new IpSetUpdate("n:p", IpSetType.Nets, [], new([nets[0], nets[2]])));
        Assert.That(Count("net4-p"), Is.EqualTo(2), "what the wider had hidden is there now");
        _translator.Apply(new IpSetUpdate("n:p", IpSetType.Nets, [], new([nets[1]])));
        Assert.That(Count("net4-p"), Is.Zero);
    }

    [Test]
    public void Ports_that_overlap_or_touch_become_one_range()
    {
        static string[] Merged(params PortRange[] ranges) =>
            [.. DisjointRanges.Elements(ranges).Select(e => $"{e.Key}{(e.Flags == NftElementFlags.IntervalEnd ? " end" : "")}")];

        Assert.That(Merged(new PortRange(10, 20), new PortRange(12, 15), new PortRange(21, 22), new PortRange(24, 24)),
            Is.EqualTo(new[] { "000a", "0017 end", "0018", "0019 end" }),
            "a narrow range inside a wide one does not shorten it");
        Assert.That(Merged(new PortRange(65000, 65535)), Is.EqualTo(new[] { "fde8" }));
        Assert.That(Merged(), Is.Empty);
    }

    [Test]
    public void Masquerading_spares_what_stays_in_the_pools()
    {
        Assert.That(_translator.Ruleset.Chains.ContainsKey("nat-postrouting"), Is.False, "nobody wants it");
        IpSetMember[] pool = [new(Cidr.Parse("10.65.0.0/16"))];
        _translator.Apply(new IpSetUpdate(WellKnownSets.AllPools, IpSetType.Nets, new([.. pool]), []));
        _translator.Apply(new IpSetUpdate(WellKnownSets.MasqueradePools, IpSetType.Nets, new([.. pool]), []));
        var rule = Chain(_translator, "nat-postrouting").Single();
        Assert.That(rule, Does.StartWith("NetworkFamily->R1 | R1 Equal 02 | NetworkHeader+12:4->R1 | R1 in @").And
            .Contain("NetworkHeader+16:4->R1 | R1 not in @"));

        _translator.Apply(new IpSetUpdate(WellKnownSets.MasqueradePools, IpSetType.Nets, [], new([.. pool])));
        Assert.That(_translator.Ruleset.Chains.ContainsKey("nat-postrouting"), Is.False);
    }

    /// <summary>What is asked of a workload's packet before all else, but for where it goes.</summary>
    private string[] Raw() => [.. Chain(_translator, "wl-raw").Where(r => !r.Contains("martian", StringComparison.Ordinal))];

    private string[] Render(RuleMatch match)
    {
        _translator.Apply(new RuleListUpdate(List(ListId, match)));
        return Chain(_translator, "list/" + ListId);
    }

    private void Publish(EndpointGate gate)
    {
        _translator.Apply(new RuleListUpdate(List(ListId, RuleMatch.Any)));
        _translator.Apply(new EndpointUpdate(Id, "calia", gate, new([], [ListId]), new([], [ListId]), [], []));
    }

    /// <summary>The chain that the endpoint's interface leads to, through the map of a direction.</summary>
    private string ProgramOf(string map)
    {
        var number = Elements(map).Single(e => e.Key.ToString().StartsWith("63616c6961", StringComparison.Ordinal)).Data!.Value;
        return Elements("programs").Single(e => e.Key.Equals(number)).Verdict!.Value.ToString()["goto ".Length..];
    }

    private IEnumerable<NftElement> Elements(string set) => _translator.Ruleset.Sets[set].Difference().Added;

    /// <summary>One of ranges has its content in its name.</summary>
    private int Count(string set) =>
        _translator.Ruleset.Sets.Single(s => s.Key == set || s.Key.StartsWith(set + ".", StringComparison.Ordinal)).Value.Count;

    private string[] ContentSets() => [.. _translator.Ruleset.Sets.Keys.Where(k => k.StartsWith("nets4-", StringComparison.Ordinal))];

    private static RuleList List(string id, params RuleMatch[] allowed) =>
        new(id, new([.. allowed.Select(m => new CompiledRule(m, RuleAction.Allow, Where))]));
}
