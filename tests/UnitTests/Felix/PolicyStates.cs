using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Selectors;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>Tiers, policies and network sets: states of the store and what the dataplane should then hold.</summary>
[TestFixture]
public sealed class PolicyStates
{
    private static readonly string Anybody = Id("has(outside)");

    private static readonly FelixState Unselected = new FelixState("no policy selects it")
        .With(Profile("net", [Allow()], [Allow()]))
        .With(Endpoint("w1", "10.0.0.1/32", ["net"], ("role", "db")))
        .With(Policy("web", order: 10, selector: "role == 'web'", ingress: [Allow(protocol: "TCP")]))
        .Called("a policy that selects nobody here is not in the dataplane", """
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Selected = Unselected
        .With(Endpoint("w1", "10.0.0.1/32", ["net"], ("role", "web")))
        .Called("by its label a policy applies, in its types alone", $$"""
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/default/ingress/{{Hash("GlobalNetworkPolicy(web)")}}
              Allow protocol 6    # default/GlobalNetworkPolicy(web) rule 0 @7
              Deny any    # end of tier default
            endpoint cni/w1/eth0 caliw1 Open in tier/default/ingress/{{Hash("GlobalNetworkPolicy(web)")}},profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Ordered = Selected
        .With(Policy("first", order: 1, selector: "all()", ingress: [Deny(protocol: "UDP")]))
        .With(Policy("last", order: null, selector: "all()", ingress: [Allow(new() { Selector = "has(outside)" })]))
        .With(Policy("beta", order: 10, selector: "all()", ingress: [Allow(protocol: "SCTP")]))
        .Called("by order, then by name, those without an order last", $$"""
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/default/ingress/{{Hash("GlobalNetworkPolicy(first)", "GlobalNetworkPolicy(beta)", "GlobalNetworkPolicy(web)", "GlobalNetworkPolicy(last)")}}
              Deny protocol 17    # default/GlobalNetworkPolicy(first) rule 0 @7
              Allow protocol 132    # default/GlobalNetworkPolicy(beta) rule 0 @7
              Allow protocol 6    # default/GlobalNetworkPolicy(web) rule 0 @7
              Allow from set {{Anybody}}    # default/GlobalNetworkPolicy(last) rule 0 @7
              Deny any    # end of tier default
            endpoint cni/w1/eth0 caliw1 Open in tier/default/ingress/{{Hash("GlobalNetworkPolicy(first)", "GlobalNetworkPolicy(beta)", "GlobalNetworkPolicy(web)", "GlobalNetworkPolicy(last)")}},profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Sets = Ordered
        .With(GlobalSet("world", ["192.0.2.0/24", "192.0.2.7", "10.9.0.0/16"], ("outside", "")))
        .With(Set("near", "default", ["198.51.100.9"], ("outside", "yes")))
        .Without("GlobalNetworkPolicy", "first").Without("GlobalNetworkPolicy", "beta").Without("GlobalNetworkPolicy", "web")
        .Called("network sets are members by their labels, ranges and hosts", $$"""
            set {{Anybody}} 10.9.0.0/16 192.0.2.0/24 192.0.2.7 198.51.100.9
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/default/ingress/{{Hash("GlobalNetworkPolicy(last)")}}
              Allow from set {{Anybody}}    # default/GlobalNetworkPolicy(last) rule 0 @7
              Deny any    # end of tier default
            endpoint cni/w1/eth0 caliw1 Open in tier/default/ingress/{{Hash("GlobalNetworkPolicy(last)")}},profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState HostsAgain = Sets
        .Without("GlobalNetworkSet", "world")
        .Called("the last range gone, it is a set of hosts again", $$"""
            set {{Anybody}} 198.51.100.9
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/default/ingress/{{Hash("GlobalNetworkPolicy(last)")}}
              Allow from set {{Anybody}}    # default/GlobalNetworkPolicy(last) rule 0 @7
              Deny any    # end of tier default
            endpoint cni/w1/eth0 caliw1 Open in tier/default/ingress/{{Hash("GlobalNetworkPolicy(last)")}},profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Tiers = Unselected
        .With(Tier("late", 3_000_000, "Pass"))
        .With(Tier("early", 5, "Deny"))
        .With(Policy("late.a", order: 1, selector: "all()", tier: "late", egress: [Deny(protocol: "UDP")]))
        .With(Policy("early.a", order: 1, selector: "all()", tier: "early", egress: [new() { Action = "Pass", Protocol = new("TCP") }]))
        .With(Policy("lost.a", order: 1, selector: "all()", tier: "lost", egress: [Allow()]))
        .Called("tiers by order, one that is not there last; a tier that passes has no end", $$"""
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/early/egress/{{Hash("GlobalNetworkPolicy(early.a)")}}
              Pass protocol 6    # early/GlobalNetworkPolicy(early.a) rule 0 @7
              Deny any    # end of tier early
            list tier/late/egress/{{PassHash("GlobalNetworkPolicy(late.a)")}}
              Deny protocol 17    # late/GlobalNetworkPolicy(late.a) rule 0 @7
            list tier/lost/egress/{{Hash("GlobalNetworkPolicy(lost.a)")}}
              Allow any    # lost/GlobalNetworkPolicy(lost.a) rule 0 @7
              Deny any    # end of tier lost
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out tier/early/egress/{{Hash("GlobalNetworkPolicy(early.a)")}},tier/late/egress/{{PassHash("GlobalNetworkPolicy(late.a)")}},tier/lost/egress/{{Hash("GlobalNetworkPolicy(lost.a)")}},profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState TiersMoved = Tiers
        .With(Tier("late", 1, "Deny"))
        .Without("Tier", "early")
        .Without("GlobalNetworkPolicy", "lost.a")
        .Called("a tier that moves, and one that is gone, move their policies", $$"""
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/early/egress/{{Hash("GlobalNetworkPolicy(early.a)")}}
              Pass protocol 6    # early/GlobalNetworkPolicy(early.a) rule 0 @7
              Deny any    # end of tier early
            list tier/late/egress/{{Hash("GlobalNetworkPolicy(late.a)")}}
              Deny protocol 17    # late/GlobalNetworkPolicy(late.a) rule 0 @7
              Deny any    # end of tier late
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out tier/late/egress/{{Hash("GlobalNetworkPolicy(late.a)")}},tier/early/egress/{{Hash("GlobalNetworkPolicy(early.a)")}},profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState OfNamespace = Unselected
        .With(NamespacedPolicy("mine", "default", selector: "", ingress: [Allow(new() { Selector = "all()" })]))
        .With(NamespacedPolicy("theirs", "other", selector: "", ingress: [Deny()]))
        .Called("a policy of a namespace is for that one alone, and so are the peers that it selects", $$"""
            set {{Id("projectcalico.org/namespace == 'default' && all()")}} 10.0.0.1
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/default/ingress/{{Hash("NetworkPolicy(default/mine)")}}
              Allow from set {{Id("projectcalico.org/namespace == 'default' && all()")}}    # default/NetworkPolicy(default/mine) rule 0 @7
              Deny any    # end of tier default
            endpoint cni/w1/eth0 caliw1 Open in tier/default/ingress/{{Hash("NetworkPolicy(default/mine)")}},profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Damaged = OfNamespace
        .Without("NetworkPolicy", "mine")
        .WithDamaged("GlobalNetworkPolicy", "damaged", "no JSON")
        .Called("a policy that cannot be read denies, both ways", $$"""
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/default/egress/{{Hash("GlobalNetworkPolicy(damaged)")}}
              Deny any    # default/GlobalNetworkPolicy(damaged): no JSON
              Deny any    # end of tier default
            list tier/default/ingress/{{Hash("GlobalNetworkPolicy(damaged)")}}
              Deny any    # default/GlobalNetworkPolicy(damaged): no JSON
              Deny any    # end of tier default
            endpoint cni/w1/eth0 caliw1 Open in tier/default/ingress/{{Hash("GlobalNetworkPolicy(damaged)")}},profile/net/ingress out tier/default/egress/{{Hash("GlobalNetworkPolicy(damaged)")}},profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState ForHosts = Unselected
        .With(Policy("raw", order: 1, selector: "all()", ingress: [Deny()],
            change: spec => spec with { DoNotTrack = true, ApplyOnForward = true }))
        .With(Policy("nat", order: 1, selector: "all()", ingress: [Deny()],
            change: spec => spec with { PreDnat = true, ApplyOnForward = true }))
        .Called("untracked and preDNAT policies are for hosts", Unselected.Expected);

    private static IEnumerable<TestCaseData> Cases() => StateExpander.Cases(
        [Unselected, Selected, Ordered, Sets, HostsAgain, Tiers, TiersMoved, OfNamespace, Damaged, ForHosts]);

    [TestCaseSource(nameof(Cases))]
    public void Policy_states_end_in_the_same_dataplane(FelixState[] states, Delivery way) => StateExpander.Replay(states, way);

    private static string Id(string selector) => Selector.TryParse(selector, out var parsed, out _) ? parsed.Id
        : throw new AssertionException(selector);

    private static string Hash(params string[] policies) => ListHash("Deny", policies);

    private static string PassHash(params string[] policies) => ListHash("Pass", policies);

    /// <summary>The last part of a tier list's id: the same end and policies give the same list.</summary>
    private static string ListHash(string end, string[] policies) => System.Buffers.Text.Base64Url
        .EncodeToString(System.Security.Cryptography.SHA256.HashData(
        System.Text.Encoding.UTF8.GetBytes($"{end}\n{string.Join('\n', policies)}")))[..21];
}
