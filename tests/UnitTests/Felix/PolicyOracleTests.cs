using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>What rules say of the first packet of a connection.</summary>
[TestFixture]
public sealed class PolicyOracleTests
{
    private static readonly FirstPacket Tcp = new(Of("10.65.0.2"), Of("10.65.0.3"), 6, 40000, 80, null);
    private static readonly FirstPacket Ping = new(Of("10.65.0.2"), Of("10.65.0.3"), 1, 0, 0, new(8, 0));
    private static readonly FirstPacket Ping6 = new(Of("fd00::2"), Of("fd00::3"), 58, 0, 0, new(128, 0));

    private static readonly Dictionary<string, HashSet<IpSetMember>> Sets = new()
    {
        ["s:two"] = [new(Of("10.65.0.2")), new(Of("fd00::2"))],
        ["n:web"] = [new(Of("10.65.0.3"), 6, 80)],
    };

    private static IEnumerable<TestCaseData> Matches()
    {
        TestCaseData Case(string name, RuleMatch match, FirstPacket packet, bool expected) =>
            new TestCaseData(match, packet, expected).SetArgDisplayNames(name);
        SideMatch Nets(string net) => new() { Nets = [Cidr.Parse(net)] };
        yield return Case("any", RuleMatch.Any, Tcp, true);
        yield return Case("protocol", new() { Protocol = 6 }, Tcp, true);
        yield return Case("another protocol", new() { Protocol = 17 }, Tcp, false);
        yield return Case("not that protocol", new() { NotProtocol = 6 }, Tcp, false);
        yield return Case("IP version", new() { IpVersion = 6 }, Tcp, false);
        yield return Case("IP version of IPv6", new() { IpVersion = 6 }, Ping6, true);
        yield return Case("net", new() { Source = Nets("10.65.0.0/24") }, Tcp, true);
        yield return Case("net of the other side", new() { Destination = Nets("10.65.0.2/32") }, Tcp, false);
        yield return Case("net of the other family", new() { Source = Nets("10.65.0.0/24") }, Ping6, false);
        yield return Case("not net", new() { Source = new() { NotNets = [Cidr.Parse("10.65.0.0/24")] } }, Tcp, false);
        yield return Case("not net of the other family", new() { Source = new() { NotNets = [Cidr.Parse("10.65.0.0/24")] } }, Ping6, true);
        yield return Case("set", new() { Source = new() { Set = "s:two" } }, Tcp, true);
        yield return Case("set of the other side", new() { Destination = new() { Set = "s:two" } }, Tcp, false);
        yield return Case("not set", new() { Source = new() { NotSet = "s:two" } }, Ping6, false);
        yield return Case("first port", new() { Protocol = 6, Destination = new() { Ports = [new(80, 90)] } }, Tcp, true);
        yield return Case("last port", new() { Protocol = 6, Destination = new() { Ports = [new(70, 80)] } }, Tcp, true);
        yield return Case("a port beside it", new() { Protocol = 6, Destination = new() { Ports = [new(81, 90), new(70, 79)] } },
            Tcp, false);
        yield return Case("source port", new() { Protocol = 6, Source = new() { Ports = [new(40000, 40000)] } }, Tcp, true);
        yield return Case("not port", new() { Protocol = 6, Destination = new() { NotPorts = [new(80, 80)] } }, Tcp, false);
        yield return Case("named port", new() { Protocol = 6, Destination = new() { PortSet = "n:web" } }, Tcp, true);
        yield return Case("named port of another protocol", new() { Destination = new() { PortSet = "n:web" } },
            Tcp with { Protocol = 17 }, false);
        yield return Case("not named port", new() { Destination = new() { NotPortSets = ["n:web"] } }, Tcp, false);
        yield return Case("ICMP type", new() { Icmp = new(8, null) }, Ping, true);
        yield return Case("ICMP type and code", new() { Icmp = new(8, 1) }, Ping, false);
        yield return Case("ICMP of IPv6", new() { Icmp = new(128, 0) }, Ping6, true);
        yield return Case("ICMP asked of TCP", new() { Icmp = new(8, null) }, Tcp, false);
        yield return Case("not that ICMP type", new() { NotIcmp = new(8, null) }, Ping, false);
        yield return Case("not that ICMP type, of TCP", new() { NotIcmp = new(8, null) }, Tcp, false);
    }

    [TestCaseSource(nameof(Matches))]
    public void A3_a_match_says_what_its_rendering_does(RuleMatch match, FirstPacket packet, bool expected)
    {
        Assert.That(Decide(packet, [(match, RuleAction.Allow)]), Is.EqualTo(expected));
        Assert.That(Decide(packet, [(match, RuleAction.Deny)], [(RuleMatch.Any, RuleAction.Allow)]), Is.EqualTo(!expected));
    }

    [Test]
    public void A3_lists_are_asked_in_turn_until_one_decides()
    {
        var (any, none) = (RuleMatch.Any, new RuleMatch { Protocol = 17 });
        Assert.That(Decide(Tcp), Is.False, "no list");
        Assert.That(Decide(Tcp, [(none, RuleAction.Deny)], [(any, RuleAction.Allow)]), Is.True, "the end of a list leads to the next");
        Assert.That(Decide(Tcp, [(any, RuleAction.Pass), (any, RuleAction.Deny)], [(any, RuleAction.Allow)]), Is.True, "so does Pass");
        Assert.That(Decide(Tcp, [(any, RuleAction.Log), (any, RuleAction.Allow)]), Is.True, "Log decides nothing");
        Assert.That(Decide(Tcp, [(any, RuleAction.Deny), (any, RuleAction.Allow)]), Is.False, "the first match decides");
        Assert.That(Decide(Tcp, [(none, RuleAction.Allow)]), Is.False, "after the last list everything is dropped");
        Assert.That(new PolicyOracle(_ => null, (_, _) => true).Allows(new([], ["gone"]), Tcp), Is.False, "a list that is not there");
    }

    private static bool Decide(FirstPacket packet, params ImmutableArray<(RuleMatch Match, RuleAction Action)>[] lists)
    {
        var provenance = new Provenance(Kinds.Profile.Key("net"), "", 0, "7");
        var rules = lists.Select((l, i) => new RuleList($"l{i}", new([.. l.Select(r => new CompiledRule(r.Match, r.Action, provenance))])))
            .ToDictionary(l => l.Id);
        return new PolicyOracle(rules.GetValueOrDefault, (set, member) => Sets[set].Contains(member))
            .Allows(new([], [.. rules.Keys]), packet);
    }

    private static Cidr Of(string address) =>
        Cidr.Parse(address.Contains(':', StringComparison.Ordinal) ? address + "/128" : address + "/32");
}
