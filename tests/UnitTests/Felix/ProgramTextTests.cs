using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>What the calculation gives out, as people and comparisons see it.</summary>
public sealed class ProgramTextTests
{
    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");

    private static CompiledRule Rule(RuleAction action, SideMatch? source = null, SideMatch? destination = null) =>
        new(new() { Source = source ?? SideMatch.Any, Destination = destination ?? SideMatch.Any }, action, Where);

    [Test]
    public void A_program_is_told_tier_by_tier_and_then_its_profiles()
    {
        var program = new PolicyProgram(
            [
                new("first", TierDefault.Pass, [Kinds.GlobalNetworkPolicy.Key("a"), Kinds.GlobalNetworkPolicy.Key("b")], "tier/first"),
                new("last", TierDefault.Deny, [Kinds.GlobalNetworkPolicy.Key("c")], "tier/last"),
            ],
            ["profile/net/ingress", "profile/gone/ingress"]);
        var lists = new[]
        {
            new RuleList("tier/first", [Rule(RuleAction.Allow), Rule(RuleAction.Deny)]), new RuleList("tier/last", [Rule(RuleAction.Log)]),
            new RuleList("profile/net/ingress", [Rule(RuleAction.Allow)]),
        };
        var rule = (RuleAction action) => $"  {Rule(action)}";
        Assert.That(program.ToText(id => lists.FirstOrDefault(l => l.Id == id)).Split('\n'), Is.EqualTo(new[]
        {
            $"tier first: {Kinds.GlobalNetworkPolicy.Key("a")}, {Kinds.GlobalNetworkPolicy.Key("b")}", rule(RuleAction.Allow),
                rule(RuleAction.Deny), "  Pass any    # end of tier first",
            $"tier last: {Kinds.GlobalNetworkPolicy.Key("c")}", rule(RuleAction.Log),
            "profile/net/ingress", rule(RuleAction.Allow), "profile/gone/ingress", "Deny any    # no profile decides",
        }));
        Assert.That(PolicyProgram.Empty.ToText(_ => null), Is.EqualTo("Deny any    # no profile decides"));
        Assert.That(program.Identity, Is.EqualTo("tier/first\ntier/last\nprofile/net/ingress\nprofile/gone/ingress"));
    }

    [Test]
    public void A_list_needs_the_sets_of_both_sides_of_each_rule_as_often_as_they_ask()
    {
        var source = new SideMatch { Set = "s:1", NotSet = "s:2", PortSet = "s:3", NotPortSets = ["s:4", "s:1"] };
        Assert.That(source.Sets, Is.EqualTo(new[] { "s:1", "s:2", "s:3", "s:4", "s:1" }));
        Assert.That(new RuleList("l",
            [Rule(RuleAction.Allow, source, new() { Set = "s:1" }), Rule(RuleAction.Deny, destination: new() { NotSet = "s:9" })]).Sets,
            Is.EqualTo(new[] { "s:1", "s:2", "s:3", "s:4", "s:1", "s:1", "s:9" }));
        Assert.That(source.ToString(), Is.EqualTo(" set s:1 not set s:2 port set s:3 not port sets " + source.NotPortSets));
        Assert.That(new SideMatch { NotPortSets = [] }.ToString(), Is.Empty);
    }

    [Test]
    public void Members_are_ordered_by_address_then_protocol_then_port()
    {
        IpSetMember[] ordered =
        [
            new(Cidr.Parse("10.0.0.1/32")), new(Cidr.Parse("10.0.0.1/32"), 6, 80), new(Cidr.Parse("10.0.0.1/32"), 6, 81),
                new(Cidr.Parse("10.0.0.1/32"), 17, 1),
            new(Cidr.Parse("10.0.0.2/32")), new(Cidr.Parse("10.0.0.2/32"), 1, 9),
        ];
        Assert.That(ordered.Reverse().Order(), Is.EqualTo(ordered));
        for (var i = 0; i < ordered.Length; i++)
        {
            for (var j = 0; j < ordered.Length; j++)
            {
                var (a, b) = (ordered[i], ordered[j]);
                bool[] found = [a < b, a > b, a <= b, a >= b];
                bool[] right = [i < j, i > j, i <= j, i >= j];
                Assert.That(found, Is.EqualTo(right), $"{a} and {b}");
                Assert.That(Math.Sign(a.CompareTo(b)), Is.EqualTo(Math.Sign(i - j)), $"{a} and {b}");
            }
        }
    }

    [TestCase("80", "80")]
    [TestCase("80:90", "80-90")]
    [TestCase("0:65535", "0-65535")]
    [TestCase(":80", null)]
    [TestCase("80:", null)]
    [TestCase("90:80", null)]
    [TestCase("65536", null)]
    [TestCase(" 80", null)]
    public void A_range_of_ports_is_two_numbers_or_one(string text, string? range) =>
        Assert.That(PortRange.TryParse(text, out var parsed) ? parsed.ToString() : null, Is.EqualTo(range));

    [Test]
    public void A_rule_says_which_field_a_packet_does_not_meet_and_on_which_side()
    {
        var oracle = new PolicyOracle(_ => null, (set, member) => set == "in" || (set == "web" && member.Port == 80));
        var (tcp, ping) = (Packet(6), Packet(1, new IcmpTypeCode(8, 0)));
        Assert.That(Of(new() { Source = new() { Ports = [new(10, 20)] } }, tcp), Is.EqualTo((MatchField.Ports, true)));
        Assert.That(Of(new() { Source = new() { Ports = [new(10, 20), new(1000, 1000)] } }, tcp), Is.EqualTo((MatchField.None, false)));
        Assert.That(Of(new() { Source = new() { Ports = [new(1001, 2000)] } }, tcp), Is.EqualTo((MatchField.Ports, true)));
        Assert.That(Of(new() { Destination = new() { NotPorts = [new(79, 80)] } }, tcp), Is.EqualTo((MatchField.NotPorts, false)));
        Assert.That(Of(new() { Destination = new() { NotPorts = [new(79, 79), new(81, 90)] } }, tcp), Is.EqualTo((MatchField.None, false)));
        Assert.That(Of(new() { Destination = new() { NotPortSets = ["web"] } }, tcp), Is.EqualTo((MatchField.NotNamedPort, false)));
        Assert.That(Of(new() { Destination = new() { Set = "out" } }, tcp), Is.EqualTo((MatchField.Selector, false)));
        Assert.That(Of(new() { Source = new() { NotSet = "in" } }, tcp), Is.EqualTo((MatchField.NotSelector, true)));
        // A type without a protocol asks for the family's own.
        Assert.That(Of(new() { Icmp = new(8, 0) }, tcp), Is.EqualTo((MatchField.Protocol, false)));
        Assert.That(Of(new() { NotIcmp = new(9, null) }, tcp), Is.EqualTo((MatchField.Protocol, false)));
        Assert.That(Of(new() { NotIcmp = new(9, null) }, ping), Is.EqualTo((MatchField.None, false)));
        Assert.That(Of(new() { Icmp = new(8, 1) }, ping), Is.EqualTo((MatchField.Icmp, false)));
        Assert.That(Of(new() { Icmp = new(8, null), NotIcmp = new(8, 0) }, ping), Is.EqualTo((MatchField.NotIcmp, false)));

        (MatchField Field, bool IsSource) Of(RuleMatch match, FirstPacket packet) => oracle.FindMismatch(match, packet);
    }

    private static FirstPacket Packet(byte protocol, IcmpTypeCode? icmp = null) =>
        new(Cidr.Parse("10.0.0.1/32"), Cidr.Parse("10.0.0.2/32"), protocol, 1000, 80, icmp);
}
