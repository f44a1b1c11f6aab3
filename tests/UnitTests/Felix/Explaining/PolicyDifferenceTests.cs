using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;
using Calico.TestKit;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Felix.Explaining;

/// <summary>Which connections a change of policy loses and gains.</summary>
[TestFixture, Parallelizable]
public sealed class PolicyDifferenceTests
{
    private static readonly int[] Ports = [80, 443, 1500, 3000];
    private static readonly Rule Allow = new() { Action = "Allow" };

    [Test]
    [Category("fuzz")]
    public void Every_connection_that_changes_is_told_and_no_other() =>
        Gen.Select(RandomPolicies.GenPlain.Select(Alike), RandomPolicies.GenPlain.Select(Alike), Gen.Enum<Change>())
            .Sample((before, other, change) =>
        {
            var after = Changed(before, other, change);
            var difference = PolicyDifference.Between(Compile(before), Compile(after));
            foreach (var (from, to) in Pairs(before.Items))
            {
                foreach (var protocol in RandomPolicies.Protocols)
                {
                    foreach (var port in Ports)
                    {
                        var packet = new PlainPacket(Address(before.Items[from]), Address(before.Items[to]), protocol, 40000, port);
                        var (allowed, willBe) = (Allows(before, from, to, packet), Allows(after, from, to, packet));
                        var told = difference.Flows.Where(flow => IsOf(flow, $"e{from}", $"e{to}") && Has(flow, difference, packet))
                            .Select(flow => flow.Allowed).ToArray();
                        Assert.That(told, Is.EqualTo(allowed == willBe ? [] : new[] { willBe }),
                            $"{change}: {from} -> {to} {protocol} {port}");
                    }
                }
            }
        }, iter: Effort.Of(200));

    [Test]
    public void Endpoints_that_only_a_net_of_a_rule_tells_apart_are_not_asked_as_one([Values] bool isNegated)
    {
        PlainItem[] items = [.. Enumerable.Range(1, 6)
            .Select(n => new PlainItem($"e{n}", "default", ImmutableSortedDictionary<string, string>.Empty, [$"10.0.0.{n}/32"], ["prof"]))];
        var before = new PlainPolicy
        {
            Items = items, Policies = [], Tiers = [new("default", 1_000_000, "Deny")],
            Profiles = new Dictionary<string, PlainRules>
            {
                ["prof"] = new(Kinds.Profile.Name, "prof", "", "", null, "", true, true, [Allow], [Allow]),
            },
        };
        EntityRule third = isNegated ? new() { NotNets = ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.4/32"] } : new() { Nets = ["10.0.0.3/32"] };
        ImmutableArray<Rule> ingress = [new() { Action = "Deny", Source = third }, Allow];
        var after = Copy(before, [new(Kinds.GlobalNetworkPolicy.Name, "p", "", "default", 1, "all()", true, false, ingress, [])]);
        var lost = PolicyDifference.Between(Compile(before), Compile(after)).Flows.Where(flow => !flow.Allowed)
            .SelectMany(flow => flow.From, (flow, from) => (From: from.Endpoint?.Name, flow.To))
            .SelectMany(flow => flow.To, (flow, to) => $"{flow.From} -> {to.Endpoint?.Name}");
        Assert.That(lost.Where(flow => flow.StartsWith('e')), Is.EquivalentTo((string[])["e3 -> e1", "e3 -> e2", "e3 -> e4"]));
    }

    /// <summary>What somebody does to a cluster. Small changes: where everything is another, every connection is asked about.</summary>
    private enum Change
    {
        Everything,
        Labels,
        OnePolicyMore,
        OnePolicyLess,
        Profile,
        Tiers,
    }

    private static PlainPolicy Changed(PlainPolicy before, PlainPolicy other, Change change) => change switch
    {
        Change.Labels => Copy(before,
            items: [.. before.Items.Zip(other.Items, (item, labelled) => item with { Labels = labelled.Labels })]),
        Change.OnePolicyMore => Copy(before, [.. before.Policies.Concat(other.Policies.Take(1)).DistinctBy(p => (p.Name, p.Namespace))]),
        Change.OnePolicyLess => Copy(before, [.. before.Policies.Skip(1)]),
        Change.Profile => Copy(before, profiles: other.Profiles),
        Change.Tiers => Copy(before, tiers: other.Tiers),
        _ => other,
    };

    /// <summary>Endpoints that only their labels and addresses tell apart: in one group, unless a rule asks for those. Their profile allows
    /// what two policies do not decide: where nearly all is denied, nothing changes.</summary>
    private static PlainPolicy Alike(PlainPolicy policy) => Copy(policy, [.. policy.Policies.Take(2)],
        [.. policy.Items.Select((item, i) => i < 4 ? item with { Namespace = "default", Profiles = ["prof"] } : item)],
        policy.Profiles.ToDictionary(p => p.Key,
            p => p.Value with { Ingress = [.. p.Value.Ingress, Allow], Egress = [.. p.Value.Egress, Allow] }));

    private static PlainPolicy Copy(PlainPolicy policy, IReadOnlyList<PlainRules>? policies = null, IReadOnlyList<PlainItem>? items = null,
        IReadOnlyDictionary<string, PlainRules>? profiles = null, IReadOnlyList<PlainTier>? tiers = null) => new()
    {
        Policies = policies ?? policy.Policies,
        Tiers = tiers ?? policy.Tiers,
        Profiles = profiles ?? policy.Profiles,
        Items = items ?? policy.Items,
    };

    private static bool Allows(PlainPolicy policy, int from, int to, PlainPacket packet) =>
        policy.Allows(policy.Items[from], false, packet) && policy.Allows(policy.Items[to], true, packet);

    private static IEnumerable<(int From, int To)> Pairs(IReadOnlyList<PlainItem> items) =>
        from a in Enumerable.Range(0, 4)
        from b in Enumerable.Range(0, 4)
        where a != b && Address(items[a]).AddressFamily == Address(items[b]).AddressFamily
        select (a, b);

    private static IPAddress Address(PlainItem item) => IPAddress.Parse(item.Nets[0].Split('/')[0]);

    private static byte Number(string protocol) => protocol switch { "TCP" => 6, "UDP" => 17, _ => 132 };

    private static bool IsOf(ChangedFlow flow, string from, string to) =>
        flow.From.Any(peer => peer.Endpoint?.Name == from) && flow.To.Any(peer => peer.Endpoint?.Name == to);

    private static bool Has(ChangedFlow flow, PolicyDifference difference, PlainPacket packet)
    {
        var isIpv6 = packet.Source.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        var (protocol, port) = (Number(packet.Protocol), packet.DestinationPort);
        var isNamed = difference.Kinds(isIpv6).Any(kind => kind.Protocol == protocol);
        return (flow.IsIpv6 ?? isIpv6) == isIpv6 && (flow.IsEvery || flow.Packets.Any(kind => isNamed
            ? kind.Protocol == protocol && kind.Ports.First <= port && port <= kind.Ports.Last
            : kind.Protocol == 0));
    }

    private static ClusterPolicy Compile(PlainPolicy plain) =>
        ClusterPolicy.Compile([.. RandomPolicies.StateOf(plain).Stored.Values, .. plain.Items.Take(4).Select(RandomPolicies.StoredOf)],
            followsServices: true);
}
