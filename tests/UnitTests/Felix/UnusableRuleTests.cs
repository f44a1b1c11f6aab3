using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>What this version cannot enforce as it was written denies, wherever in the resource it stands.</summary>
[TestFixture]
public sealed class UnusableRuleTests
{
    private static readonly Dictionary<string, JsonElement> Quantum = new() { ["quantum"] = JsonDocument.Parse("1").RootElement };

    [Test]
    public void D_an_unknown_field_of_a_profile_denies_in_both_directions()
    {
        var profile = Profile("net", [Allow()], [Allow()]);
        var text = Lists(profile with { Spec = profile.Spec with { Unknown = Quantum } });
        Assert.That(text, Is.EqualTo("""
            list profile/net/egress
              Deny any    # Profile(net) @7: unknown field quantum
            list profile/net/ingress
              Deny any    # Profile(net) @7: unknown field quantum
            """));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void D_an_unknown_field_of_one_side_of_a_rule_denies(bool isSource)
    {
        var side = new EntityRule { Selector = "all()", Unknown = Quantum };
        var text = Lists(Profile("net", [isSource ? Allow(side) : Allow(null, side)]));
        Assert.That(text, Does.Contain(
            $"Deny any    # Profile(net) rule 0 @7: unknown field {(isSource ? "source" : "destination")}.quantum")
            .And.Not.Contain("Allow"));
    }

    [Test]
    public void D_an_unknown_field_of_what_a_rule_matches_denies()
    {
        Rule[] rules =
        [
            Allow() with { Protocol = new("ICMP"), Icmp = new() { Type = 8, Unknown = Quantum } },
            Allow() with { Protocol = new("ICMP"), NotIcmp = new() { Type = 8, Unknown = Quantum } },
            Allow() with { Http = new() { Unknown = Quantum } },
            Allow(new() { ServiceAccounts = new() { Names = ["a"], Unknown = Quantum } }),
        ];
        Assert.That(rules.Select(rule => Lists(Profile("net", [rule])).Split('\n')
            .Single(line => line.Contains("quantum", StringComparison.Ordinal)).Split(": ")[^1]),
            Is.EqualTo(new[] { "unknown field icmp.quantum", "unknown field notICMP.quantum", "unknown field http.quantum",
                "unknown field source.serviceAccounts.quantum" }));
    }

    [TestCase("ICMP", "web")]
    [TestCase("ICMPv6", "web")]
    [TestCase("UDPLite", "web")]
    [TestCase("47", "web")]
    [TestCase("ICMP", "80")]
    [TestCase(null, "80")]
    public void D_a_port_without_a_protocol_that_has_ports_denies(string? protocol, string port)
    {
        var text = Lists(Profile("net", [Allow(null, new() { Ports = [Port(port)] }, protocol), Allow()]));
        Assert.That(text, Does.Contain("destination.ports: ports need the protocol TCP, UDP or SCTP").And.Not.Contain("Allow"));
    }

    [TestCase("ICMP", "web")]
    [TestCase(null, "80")]
    public void D_a_negated_port_without_a_protocol_that_has_ports_denies(string? protocol, string port)
    {
        var text = Lists(Profile("net", [Allow(new() { NotPorts = [Port(port)] }, null, protocol)]));
        Assert.That(text, Does.Contain("source.notPorts: ports need the protocol TCP, UDP or SCTP").And.Not.Contain("Allow"));
    }

    [TestCase("TCP")]
    [TestCase("udp")]
    [TestCase("132")]
    [TestCase(null)]
    public void A_named_port_needs_no_more_than_its_endpoints_protocol(string? protocol)
    {
        Assert.That(Lists(Profile("net", [Allow(null, new() { Ports = [new("web")] }, protocol)])),
            Does.Contain("Allow").And.Not.Contain("Deny"));
    }

    private static NumberOrString Port(string port) => int.TryParse(port, out var number) ? new(number) : new(port);

    /// <summary>The lists of an endpoint with that profile.</summary>
    private static string Lists(Resource profile) => string.Join('\n', StateExpander.Snapshot(
        new FelixState("unusable").With(profile).With(Endpoint("w1", "10.0.0.1/32", ["net"])))
        .Split('\n').Where(l => l.StartsWith("list ", StringComparison.Ordinal) || l.StartsWith("  ", StringComparison.Ordinal)));
}
