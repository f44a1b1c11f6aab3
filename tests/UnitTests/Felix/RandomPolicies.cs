using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.TestKit;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>Random policies over four endpoints, as plain semantics and as resources.</summary>
internal static class RandomPolicies
{
    public static readonly string[] Hosts4 = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.7"];
    public static readonly string[] Hosts6 = ["fd00::1", "fd00::2", "fd00:1::1", "2001:db8::7"];
    private static readonly string[] Nets4 = ["10.0.0.0/24", "10.0.0.0/8", "192.0.2.0/25", "0.0.0.0/0", "10.0.0.2/32"];
    private static readonly string[] Nets6 = ["fd00::/64", "fd00::/16", "2001:db8::/32", "::/0"];
    public static readonly string[] Protocols = ["TCP", "UDP", "SCTP"];
    private static readonly string[] Ports = ["80", "443", "1000:2000", "1:65535"];

    private static readonly Gen<ImmutableArray<string>?> GenNets = Gen.OneOf(
        Gen.Const((ImmutableArray<string>?)null), Gen.Const((ImmutableArray<string>?)null),
        Pick(Nets4).Array[1, 2].Select(n => (ImmutableArray<string>?)[.. n]),
        Pick(Nets6).Array[1, 2].Select(n => (ImmutableArray<string>?)[.. n]));

    private static readonly Gen<string?> GenSelector = Gen.Frequency(
        (2, Gen.Const((string?)null)), (3, Pick(PlainPolicy.Selectors.Keys.ToArray()).Select(s => (string?)s)));

    private static readonly Gen<EntityRule?> GenSide = Gen.Select(Gen.Int[0, 3], GenNets,
        Gen.Frequency((4, Gen.Const((ImmutableArray<string>?)null)), (1, GenNets)), GenSelector,
        Gen.Frequency((4, Gen.Const((string?)null)), (1, GenSelector)), Pick(Ports).Array[0, 2])
        .Select((given, nets, notNets, selector, notSelector, ports) => given == 0 ? null : new EntityRule
        {
            Nets = nets,
            NotNets = notNets,
            Selector = selector,
            NotSelector = notSelector,
            Ports = ports.Length == 0 ? null : [.. ports.Select(p => new NumberOrString(p))],
        });

    private static readonly Gen<Rule> GenRule = Gen.Select(
        Pick("Allow", "Deny", "Pass", "Log", "Allow", "Deny"), Pick<string>([.. Protocols, null!]), GenSide, GenSide)
        .Select((action, protocol, source, destination) => new Rule
        {
            Action = action,
            // Ports without one of these protocols are refused as unusable, which has tests of its own.
            Protocol = protocol is null && source?.Ports is null && destination?.Ports is null ? null : new(protocol ?? "TCP"),
            Source = source,
            Destination = destination,
        }).Where(OneFamily);

    private static readonly Gen<PlainRules> GenPolicy = Gen.Select(Gen.Int[0, 5], Pick("", "default", "other"), Pick("default", "one", "two", "lost"),
        Pick<double?>(null, 1, 1, 2), Pick(PlainPolicy.Selectors.Keys.ToArray()), Gen.Int[1, 15], GenRule.Array[0, 3], GenRule.Array[0, 3])
        .Select((name, ns, tier, order, selector, types, ingress, egress) => new PlainRules(
            (types >= 12 ? "Staged" : "") + (ns.Length == 0 ? "GlobalNetworkPolicy" : "NetworkPolicy"),
            $"p{name}", ns, tier, order, selector, types % 3 != 1, types % 3 != 2, ingress, egress));

    private static readonly Gen<ImmutableSortedDictionary<string, string>> GenLabels = Gen.Select(
        Pick<string>("x", "y", "w", null!), Pick<string>("z", "", null!))
        .Select((a, b) => new[] { ("a", a), ("b", b) }.Where(l => l.Item2 is not null).ToImmutableSortedDictionary(l => l.Item1, l => l.Item2));

    public static readonly Gen<PlainPolicy> GenPlain = Gen.Select(
        GenPolicy.Array[0, 6], GenLabels.Array[6, 6], Pick("Deny", "Pass").Array[2, 2], Pick<double?>(null, 1, 2_000_000).Array[2, 2],
        GenRule.Array[0, 2].Array[2, 2]).Select((policies, labels, defaults, orders, profile) =>
            Plain([.. policies.DistinctBy(p => (p.Name, p.Namespace))], labels, defaults, orders, profile));

    /// <summary>The resources that say what the plain policy says, but for the endpoints.</summary>
    public static FelixState StateOf(PlainPolicy plain)
    {
        var state = new FelixState("random");
        foreach (var tier in plain.Tiers.Where(t => t.Name != "default"))
        {
            state = state.With(FelixState.Tier(tier.Name, tier.Order, tier.Default));
        }

        foreach (var p in plain.Policies)
        {
            ImmutableArray<string> types = [.. new[] { p.AppliesToIngress ? "Ingress" : null, p.AppliesToEgress ? "Egress" : null }.OfType<string>()];
            state = state.With(p.IsStaged ? Staged(p, types) : p.Namespace.Length == 0
                ? new Resource<GlobalNetworkPolicySpec>
                {
                    Kind = p.Kind,
                    Metadata = new() { Name = p.Name },
                    Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, Ingress = [.. p.Ingress], Egress = [.. p.Egress] },
                }
                : new Resource<NetworkPolicySpec>
                {
                    Kind = p.Kind,
                    Metadata = new() { Name = p.Name, Namespace = p.Namespace },
                    Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, Ingress = [.. p.Ingress], Egress = [.. p.Egress] },
                });
        }

        return state
            .With(FelixState.Profile("prof", [.. plain.Profiles["prof"].Ingress], [.. plain.Profiles["prof"].Egress]))
            .With(FelixState.GlobalSet("global", [.. plain.Items[4].Nets], [.. plain.Items[4].Labels.Select(l => (l.Key, l.Value))]))
            .With(FelixState.Set("set", "other", [.. plain.Items[5].Nets], [.. plain.Items[5].Labels.Select(l => (l.Key, l.Value))]));
    }

    private static Gen<T> Pick<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static bool OneFamily(Rule rule) =>
        new[] { rule.Source?.Nets, rule.Source?.NotNets, rule.Destination?.Nets, rule.Destination?.NotNets }.All(n => n is null || n.Value.Select(c => c.Contains(':', StringComparison.Ordinal)).Distinct().Count() < 2);

    private static PlainPolicy Plain(PlainRules[] policies, ImmutableSortedDictionary<string, string>[] labels, string[] defaults,
        double?[] orders, Rule[][] profile) => new()
    {
        Policies = policies,
        Tiers = [new("default", 1_000_000, "Deny"), new("one", orders[0], defaults[0]), new("two", orders[1], defaults[1])],
        Profiles = new Dictionary<string, PlainRules> { ["prof"] = new PlainRules(Kinds.Profile.Name, "prof", "", "", null, "", true, true, profile[0], profile[1]) },
        Items =
        [
            new("e0", "default", labels[0], [Hosts4[0] + "/32"], ["prof"]),
            new("e1", "default", labels[1], [Hosts4[1] + "/32"], ["prof", "gone"]),
            new("e2", "other", labels[2], [Hosts6[0] + "/128"], ["gone"]),
            new("e3", "other", labels[3], [Hosts6[1] + "/128"], ["prof"]),
            new("global", "", labels[4], ["10.0.0.0/16", "192.0.2.0/24"], []),
            new("set", "other", labels[5], ["fd00:1::/32", "10.0.1.1/32", "fd00::2/128"], []),
        ],
    };

    private static Resource Staged(PlainRules p, ImmutableArray<string> types) => p.Namespace.Length == 0
        ? new Resource<StagedGlobalNetworkPolicySpec>
        {
            Kind = p.Kind,
            Metadata = new() { Name = p.Name },
            Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, Ingress = [.. p.Ingress],
                Egress = [.. p.Egress] },
        }
        : new Resource<StagedNetworkPolicySpec>
        {
            Kind = p.Kind,
            Metadata = new() { Name = p.Name, Namespace = p.Namespace },
            Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, Ingress = [.. p.Ingress],
                Egress = [.. p.Egress] },
        };
}
