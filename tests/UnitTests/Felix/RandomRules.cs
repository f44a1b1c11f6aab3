using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using CsCheck;

namespace Calico.UnitTests.Felix;

/// <summary>Random rules.</summary>
internal static class RandomRules
{
    public const string WebPort = "web";
    public static readonly string[] Protocols = ["TCP", "UDP", "SCTP"];

    private static readonly string[] Nets4 = ["10.0.0.0/24", "10.0.0.0/8", "192.0.2.0/25", "0.0.0.0/0", "10.0.0.2/32"];
    private static readonly string[] Nets6 = ["fd00::/64", "fd00::/16", "2001:db8::/32", "::/0"];
    private static readonly string[] Ports = ["80", "443", "1000:2000", "1:65535"];

    private static readonly IcmpMatch[] IcmpTypes = [new() { Type = 8 }, new() { Type = 8, Code = 1 }, new() { Type = 13, Code = 0 },
        new() { Type = 128 },
        new() { Type = 128, Code = 1 }];

    private static readonly Gen<ImmutableArray<string>?> GenNets = Gen.OneOf(
        Gen.Const((ImmutableArray<string>?)null), Gen.Const((ImmutableArray<string>?)null),
        Pick(Nets4).Array[1, 2].Select(n => (ImmutableArray<string>?)[.. n]),
        Pick(Nets6).Array[1, 2].Select(n => (ImmutableArray<string>?)[.. n]));

    private static readonly Gen<string?> GenSelector = Gen.Frequency(
        (2, Gen.Const((string?)null)), (3, Pick(PlainPolicy.Selectors.Keys.ToArray()).Select(s => (string?)s)));

    private static readonly Gen<ServiceAccountMatch> GenAccounts = Gen.Select(
        Pick<string[]>([], ["bot"], ["bot", "cli"]), Pick(["", .. PlainPolicy.AccountSelectors.Keys]))
        .Where((names, selector) => names.Length + selector.Length > 0)
        .Select((names, selector) => new ServiceAccountMatch
        {
            Names = names.Length == 0 ? null : [.. names], Selector = selector.Length == 0 ? null : selector,
        });

    /// <summary>None, a few, or, of the sides that have all fields, a name or what is not to be.</summary>
    private static Gen<(ImmutableArray<NumberOrString>? Ports, ImmutableArray<NumberOrString>? NotPorts)> GenPorts(bool full) =>
        Gen.Select(Pick(full ? [.. Ports, WebPort] : Ports).Array[0, 2], full ? Pick("80", "1000:2000", WebPort).Array[0, 2]
            : Gen.Const<string[]>([]),
            Gen.Int[0, 3]).Select((ports, notPorts, given) => (List(ports), given == 0 ? List(notPorts) : null));

    /// <summary>Whom a side means beside its own labels: namespaces, service accounts, or a Service instead of all that.</summary>
    private static Gen<EntityRule> GenPeer(bool full) => !full ? Gen.Const(new EntityRule()) : Gen.Frequency(
        (24, Gen.Const(new EntityRule())),
        (2, Pick(PlainPolicy.NamespaceSelectors.Keys.ToArray()).Select(text => new EntityRule { NamespaceSelector = text })),
        (1, GenAccounts.Select(accounts => new EntityRule { ServiceAccounts = accounts })),
        (1, Gen.Select(Pick(PlainPolicy.NamespaceSelectors.Keys.ToArray()), GenAccounts)
            .Select((text, accounts) => new EntityRule { NamespaceSelector = text, ServiceAccounts = accounts })),
        (2, Pick(("shop", "default"), ("cart", "other"), ("lost", "default"))
            .Select(service => new EntityRule { Services = new() { Name = service.Item1, Namespace = service.Item2 } })));

    private static Gen<EntityRule?> GenSide(bool full, bool isSource) => Gen.Select(Gen.Int[0, 3], GenNets,
        Gen.Frequency((4, Gen.Const((ImmutableArray<string>?)null)), (1, GenNets)), GenSelector,
        Gen.Frequency((4, Gen.Const((string?)null)), (1, GenSelector)), GenPorts(full), GenPeer(full))
        .Select((given, nets, notNets, selector, notSelector, ports, peer) => given == 0 ? null
            // Nothing of a Service may be asked again, apart from the ports of who sends.
            : peer.Services is not null ? isSource ? peer with { Ports = ports.Ports, NotPorts = ports.NotPorts } : peer
            : peer with
            {
                Nets = nets,
                NotNets = notNets,
                Selector = selector,
                NotSelector = notSelector,
                Ports = ports.Ports,
                NotPorts = ports.NotPorts,
            });

    public static Gen<Rule> GenRule(bool full) => Gen.Select(
        Pick("Allow", "Deny", "Pass", "Log", "Allow", "Deny"), Pick<string>([.. Protocols, null!]), GenSide(full, isSource: true),
            GenSide(full, isSource: false),
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

    private static bool HasPorts(EntityRule? side) => side?.Ports is not null || side?.NotPorts is not null;

    private static ImmutableArray<NumberOrString>? List(string[] ports) =>
        ports.Length == 0 ? null : [.. ports.Select(p => new NumberOrString(p))];

    private static bool OneFamily(Rule rule) =>
        new[] { rule.Source?.Nets, rule.Source?.NotNets, rule.Destination?.Nets, rule.Destination?.NotNets }.All(n => n is null
            || n.Value.Select(c => c.Contains(':', StringComparison.Ordinal)).Distinct().Count() < 2);

    public static Gen<T> Pick<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
