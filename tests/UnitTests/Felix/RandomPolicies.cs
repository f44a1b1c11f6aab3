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

    /// <summary>Interface of the host, and the host's own addresses on it.</summary>
    public const string HostLink = "eth0";
    public static readonly string[] HostAddresses = ["192.0.2.1", "2001:db8::1"];
    private const string WebPort = "web";
    private static readonly (string, string, int) Web = (WebPort, "TCP", 8080);
    private static readonly IcmpMatch[] IcmpTypes = [new() { Type = 8 }, new() { Type = 8, Code = 1 }, new() { Type = 13, Code = 0 }, new() { Type = 128 },
        new() { Type = 128, Code = 1 }];

    private static readonly Gen<ImmutableArray<string>?> GenNets = Gen.OneOf(
        Gen.Const((ImmutableArray<string>?)null), Gen.Const((ImmutableArray<string>?)null),
        Pick(Nets4).Array[1, 2].Select(n => (ImmutableArray<string>?)[.. n]),
        Pick(Nets6).Array[1, 2].Select(n => (ImmutableArray<string>?)[.. n]));

    private static readonly Gen<string?> GenSelector = Gen.Frequency(
        (2, Gen.Const((string?)null)), (3, Pick(PlainPolicy.Selectors.Keys.ToArray()).Select(s => (string?)s)));

    /// <summary>None, a few, or, of the sides that have all fields, a name or what is not to be.</summary>
    private static Gen<(ImmutableArray<NumberOrString>? Ports, ImmutableArray<NumberOrString>? NotPorts)> GenPorts(bool full) =>
        Gen.Select(Pick(full ? [.. Ports, WebPort] : Ports).Array[0, 2], full ? Pick("80", "1000:2000", WebPort).Array[0, 2] : Gen.Const<string[]>([]),
            Gen.Int[0, 3]).Select((ports, notPorts, given) => (List(ports), given == 0 ? List(notPorts) : null));

    private static Gen<EntityRule?> GenSide(bool full) => Gen.Select(Gen.Int[0, 3], GenNets,
        Gen.Frequency((4, Gen.Const((ImmutableArray<string>?)null)), (1, GenNets)), GenSelector,
        Gen.Frequency((4, Gen.Const((string?)null)), (1, GenSelector)), GenPorts(full))
        .Select((given, nets, notNets, selector, notSelector, ports) => given == 0 ? null : new EntityRule
        {
            Nets = nets,
            NotNets = notNets,
            Selector = selector,
            NotSelector = notSelector,
            Ports = ports.Ports,
            NotPorts = ports.NotPorts,
        });

    private static Gen<Rule> GenRule(bool full) => Gen.Select(
        Pick("Allow", "Deny", "Pass", "Log", "Allow", "Deny"), Pick<string>([.. Protocols, null!]), GenSide(full), GenSide(full),
        full ? Gen.Int[0, 11] : Gen.Const(11), Pick(IcmpTypes))
        .Select((action, protocol, source, destination, kind, icmp) => new Rule
        {
            Action = action,
            // Ports without one of these protocols are refused as unusable, which has tests of its own.
            Protocol = HasPorts(source) || HasPorts(destination) ? new(protocol ?? "TCP")
                : kind == 0 ? new(89)
                : kind < 3 ? new(icmp.Type > 100 ? "ICMPv6" : "ICMP")
                : kind is < 6 or 8 || protocol is null ? null
                : new(protocol),
            NotProtocol = kind == 3 ? new(protocol ?? "ICMP") : null,
            IpVersion = kind == 6 ? 4 : kind == 7 ? 6 : null,
            Icmp = HasPorts(source) || HasPorts(destination) || kind is not (1 or 4 or 8) ? null : icmp,
            NotIcmp = HasPorts(source) || HasPorts(destination) || kind is not (2 or 5) ? null : icmp,
            Source = source,
            Destination = destination,
        }).Where(OneFamily);

    private static Gen<PlainRules> GenPolicy(bool full) => Gen.Select(Gen.Int[0, 5], Pick("", "default", "other"),
        Gen.Select(Pick("default", "one", "two", "lost"), full ? Gen.Int[0, 9] : Gen.Const(9)),
        Pick<double?>(null, 1, 1, 2), Pick(PlainPolicy.Selectors.Keys.ToArray()), Gen.Int[1, 15], GenRule(full).Array[0, 3], GenRule(full).Array[0, 3])
        .Select((name, ns, tier, order, selector, types, ingress, egress) => new PlainRules(
            (types >= 12 ? "Staged" : "") + (ns.Length == 0 ? "GlobalNetworkPolicy" : "NetworkPolicy"),
            $"p{name}", ns, tier.Item1, order, selector, types % 3 != 1 || IsPreDnat(ns, types, tier.Item2),
            types % 3 != 2 && !IsPreDnat(ns, types, tier.Item2), ingress, egress)
        {
            Stage = ns.Length > 0 || types >= 12 ? "" : tier.Item2 == 0 ? "untracked" : tier.Item2 == 1 ? "preDNAT" : "",
            AppliesOnForward = ns.Length == 0 && tier.Item2 < 6,
        });

    private static bool IsPreDnat(string ns, int types, int kind) => ns.Length == 0 && types < 12 && kind == 1;

    private static bool HasPorts(EntityRule? side) => side?.Ports is not null || side?.NotPorts is not null;

    private static ImmutableArray<NumberOrString>? List(string[] ports) => ports.Length == 0 ? null : [.. ports.Select(p => new NumberOrString(p))];

    private static readonly Gen<ImmutableSortedDictionary<string, string>> GenLabels = Gen.Select(
        Pick<string>("x", "y", "w", null!), Pick<string>("z", "", null!))
        .Select((a, b) => new[] { ("a", a), ("b", b) }.Where(l => l.Item2 is not null).ToImmutableSortedDictionary(l => l.Item1, l => l.Item2));

    public static readonly Gen<PlainPolicy> GenPlain = GenWhole(full: false);

    /// <summary>With every field that a packet can tell, and a host endpoint now and then.</summary>
    public static readonly Gen<PlainPolicy> GenFull = GenWhole(full: true);

    private static Gen<PlainPolicy> GenWhole(bool full) => Gen.Select(
        GenPolicy(full).Array[0, full ? 12 : 6], GenLabels.Array[7, 7], Pick("Deny", "Pass").Array[2, 2], Pick<double?>(null, 1, 2_000_000).Array[2, 2],
        GenRule(full).Array[0, 2].Array[2, 2], full ? Pick(null, HostLink, "*", "") : Gen.Const((string?)null))
        .Select((policies, labels, defaults, orders, profile, host) =>
            Plain([.. policies.DistinctBy(p => (p.Name, p.Namespace))], labels, defaults, orders, profile, host));

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
                    Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, Ingress = [.. p.Ingress], Egress = [.. p.Egress],
                        DoNotTrack = p.Stage == "untracked", PreDnat = p.Stage == "preDNAT", ApplyOnForward = p.AppliesOnForward },
                }
                : new Resource<NetworkPolicySpec>
                {
                    Kind = p.Kind,
                    Metadata = new() { Name = p.Name, Namespace = p.Namespace },
                    Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, Ingress = [.. p.Ingress], Egress = [.. p.Egress] },
                });
        }

        if (plain is { HostInterface: { } link, Items: [.., var host] })
        {
            state = state.With(FelixState.HostEndpoint("host", link.Length == 0 ? null : link, HostAddresses, profiles: ["prof"],
                labels: [.. host.Labels.Select(l => (l.Key, l.Value))]));
        }

        return state
            .With(FelixState.Profile("prof", [.. plain.Profiles["prof"].Ingress], [.. plain.Profiles["prof"].Egress]))
            .With(FelixState.GlobalSet("global", [.. plain.Items[4].Nets], [.. plain.Items[4].Labels.Select(l => (l.Key, l.Value))]))
            .With(FelixState.Set("set", "other", [.. plain.Items[5].Nets], [.. plain.Items[5].Labels.Select(l => (l.Key, l.Value))]));
    }

    /// <summary>One of each kind that rules tell apart.</summary>
    /// <remarks>No destination port is a source port, so none answers another.</remarks>
    public static IEnumerable<PlainPacket> PacketsBetween(IPAddress source, IPAddress destination)
    {
        foreach (var protocol in Protocols)
        {
            foreach (var (from, to) in new[] { (1234, 80), (443, 2000), (1234, 3000), (443, 8080), (1234, 22) })
            {
                yield return new(source, destination, protocol, from, to);
            }
        }

        var isIpv6 = source.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        foreach (var icmp in isIpv6 ? [(128, 0), (128, 1)] : new[] { (8, 0), (8, 1), (13, 0) })
        {
            yield return new(source, destination, isIpv6 ? "ICMPv6" : "ICMP", 0, 0) { Icmp = icmp };
        }

        // Without ports the way back is the same connection.
        if (string.CompareOrdinal($"{source}", $"{destination}") < 0)
        {
            yield return new(source, destination, "89", 0, 0);
        }
    }

    private static Gen<T> Pick<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static bool OneFamily(Rule rule) =>
        new[] { rule.Source?.Nets, rule.Source?.NotNets, rule.Destination?.Nets, rule.Destination?.NotNets }.All(n => n is null || n.Value.Select(c => c.Contains(':', StringComparison.Ordinal)).Distinct().Count() < 2);

    private static PlainPolicy Plain(PlainRules[] policies, ImmutableSortedDictionary<string, string>[] labels, string[] defaults,
        double?[] orders, Rule[][] profile, string? host) => new()
    {
        Policies = policies,
        HostInterface = host,
        Tiers = [new("default", 1_000_000, "Deny"), new("one", orders[0], defaults[0]), new("two", orders[1], defaults[1])],
        Profiles = new Dictionary<string, PlainRules> { ["prof"] = new PlainRules(Kinds.Profile.Name, "prof", "", "", null, "", true, true, profile[0], profile[1]) },
        Items =
        [
            new("e0", "default", labels[0], [Hosts4[0] + "/32"], ["prof"]) { Port = Web },
            new("e1", "default", labels[1], [Hosts4[1] + "/32"], ["prof", "gone"]) { Port = Web },
            new("e2", "other", labels[2], [Hosts6[0] + "/128"], ["gone"]) { Port = Web },
            new("e3", "other", labels[3], [Hosts6[1] + "/128"], ["prof"]) { Port = Web },
            new("global", "", labels[4], ["10.0.0.0/16", "192.0.2.0/24"], []),
            new("set", "other", labels[5], ["fd00:1::/32", "10.0.1.1/32", "fd00::2/128"], []),
            .. host is null ? Array.Empty<PlainItem>()
                : [new("host", "", labels[6], [HostAddresses[0] + "/32", HostAddresses[1] + "/128"], ["prof"]) { Port = Web }],
        ],
    };

    private static Resource Staged(PlainRules p, ImmutableArray<string> types) => p.Namespace.Length == 0
        ? new Resource<StagedGlobalNetworkPolicySpec>
        {
            Kind = p.Kind,
            Metadata = new() { Name = p.Name },
            Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, Ingress = [.. p.Ingress],
                Egress = [.. p.Egress], ApplyOnForward = p.AppliesOnForward },
        }
        : new Resource<StagedNetworkPolicySpec>
        {
            Kind = p.Kind,
            Metadata = new() { Name = p.Name, Namespace = p.Namespace },
            Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, Ingress = [.. p.Ingress],
                Egress = [.. p.Egress] },
        };
}
