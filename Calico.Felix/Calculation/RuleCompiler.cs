using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>Compiles the rules of one resource and direction, and collects the IP sets that they ask.</summary>
/// <remarks>One bad rule makes the whole list deny: with a rule left out, what its author meant to forbid could pass.</remarks>
/// <param name="policyNamespace">Of the resource; empty: none.</param>
/// <param name="followsServices">Somebody tells of the slices of Services. Otherwise what a Service's endpoints are is not known, which is
/// not that it has none: nobody is allowed by its name, and a rule that forbids or skips by it makes the whole list deny.</param>
internal sealed class RuleCompiler(string policyNamespace, bool followsServices = false)
{
    private const byte Icmp = 1;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte IcmpV6 = 58;
    private const byte Sctp = 132;
    private const byte UdpLite = 136;

    private readonly Dictionary<string, IpSetDefinition> _sets = new(StringComparer.Ordinal);

    /// <summary>The IP sets that the compiled rules ask.</summary>
    public IReadOnlyCollection<IpSetDefinition> Sets => _sets.Values;

    /// <param name="rules">As their author wrote them.</param>
    /// <param name="whole">The resource.</param>
    public EquatableArray<CompiledRule> Compile(ImmutableArray<Rule> rules, Provenance whole)
    {
        var compiled = ImmutableArray.CreateBuilder<CompiledRule>();
        for (var index = 0; index < rules.Length; index++)
        {
            var provenance = whole with { RuleIndex = index };
            try
            {
                compiled.AddRange(Compile(rules[index]).Select(m => new CompiledRule(m.Match, m.Action, provenance)));
            }
            catch (RuleUnusableException e)
            {
                _sets.Clear();
                return Deny(provenance with { Note = e.Message });
            }
        }

        return new(compiled.ToImmutable());
    }

    /// <summary>Rules that deny everything, and say why.</summary>
    public static EquatableArray<CompiledRule> Deny(Provenance provenance) => [new(RuleMatch.Any, RuleAction.Deny, provenance)];

    private IEnumerable<(RuleMatch Match, RuleAction Action)> Compile(Rule rule)
    {
        RefuseUnknown("", rule.Unknown);
        RefuseUnknown("icmp.", rule.Icmp?.Unknown);
        RefuseUnknown("notICMP.", rule.NotIcmp?.Unknown);
        RefuseUnknown("http.", rule.Http?.Unknown);
        var action = rule.Action.ToLowerInvariant() switch
        {
            "allow" => RuleAction.Allow,
            "deny" => RuleAction.Deny,
            "pass" => RuleAction.Pass,
            "log" => RuleAction.Log,
            _ => throw new RuleUnusableException($"action: unknown value \"{rule.Action}\""),
        };
        if (!followsServices && action is RuleAction.Deny or RuleAction.Pass
            && (rule.Source?.Services ?? rule.Destination?.Services) is not null)
        {
            throw new RuleUnusableException(
                $"services: nobody tells this version which endpoints a Service has, and the rule's action is {action}");
        }

        var match = new RuleMatch
        {
            IpVersion = rule.IpVersion switch
            {
                null => null,
                4 => 4,
                6 => 6,
                _ => throw new RuleUnusableException($"ipVersion: {rule.IpVersion}"),
            },
            Protocol = ParseProtocol("protocol", rule.Protocol),
            NotProtocol = ParseProtocol("notProtocol", rule.NotProtocol),
            Icmp = ParseIcmp("icmp", rule.Icmp),
            NotIcmp = ParseIcmp("notICMP", rule.NotIcmp),
        };
        // Of several alternatives the first one decides, but each would log.
        var isExclusive = action == RuleAction.Log;
        var sources = CompileSide("source", rule.Source, match.Protocol, isExclusive);
        var destinations = CompileSide("destination", rule.Destination, match.Protocol, isExclusive);
        // A rule that mixes numeric and named ports is several rules with one decision: each alternative asks other things.
        return [.. from source in sources from destination in destinations
            let both = WithFamily(match, source, destination) where both is not null select (both, action)];
    }

    /// <summary>The family that its ranges are of: upstream renders a rule with ranges, also negated ones, for their family alone. Null:
    /// no packet is of two families.</summary>
    private static RuleMatch? WithFamily(RuleMatch match, SideMatch source, SideMatch destination)
    {
        var version = match.IpVersion;
        foreach (var nets in new[] { source.Nets, source.NotNets, destination.Nets, destination.NotNets })
        {
            if (nets.IsEmpty)
            {
                continue;
            }

            var family = nets[0].IsIpv6 ? (byte)6 : (byte)4;
            if (version is not null && version != family)
            {
                return null;
            }

            version = family;
        }

        return match with { IpVersion = version, Source = source, Destination = destination };
    }

    /// <param name="side">Which, for errors.</param>
    /// <param name="rule">What it asks.</param>
    /// <param name="protocol">Of the ports.</param>
    /// <param name="isExclusive">No packet meets two of the alternatives.</param>
    private List<SideMatch> CompileSide(string side, EntityRule? rule, byte? protocol, bool isExclusive)
    {
        if (rule is null)
        {
            return [SideMatch.Any];
        }

        RefuseUnknown(side + ".", rule.Unknown);
        RefuseUnknown(side + ".serviceAccounts.", rule.ServiceAccounts?.Unknown);
        var service = ServiceSet.Of(side, rule, policyNamespace);
        var selector = EffectiveSelector.Of(rule, policyNamespace);
        var (numbers, names) = SplitPorts($"{side}.ports", rule.Ports, protocol);
        var (notNumbers, notNames) = SplitPorts($"{side}.notPorts", rule.NotPorts, protocol);
        var match = new SideMatch
        {
            Set = service is { HasPorts: false } ? Ask(service) : null,
            PortSet = service is { HasPorts: true } ? Ask(service) : null,
            Nets = ParseNets($"{side}.nets", rule.Nets),
            NotNets = ParseNets($"{side}.notNets", rule.NotNets),
            NotSet = string.IsNullOrEmpty(rule.NotSelector) ? null
                : Ask(IpSetDefinition.Of(EffectiveSelector.Parse($"{side}.notSelector", rule.NotSelector))),
            NotPorts = notNumbers,
            NotPortSets = new([.. notNames.Select(n =>
                Ask(IpSetDefinition.Of(selector ?? Datastore.Selectors.Selector.All, n, protocol)))]),
        };
        var alternatives = new List<SideMatch>();
        if (!numbers.IsEmpty || names.IsEmpty)
        {
            alternatives.Add(match with { Ports = numbers, Set = selector is null ? match.Set : Ask(IpSetDefinition.Of(selector)) });
            match = isExclusive ? match with { NotPorts = [.. match.NotPorts.Items, .. numbers.Items] } : match;
        }
        // The named port's set holds only endpoints that the selector matches, so the selector's own set need not be asked.
        foreach (var name in names)
        {
            var set = Ask(IpSetDefinition.Of(selector ?? Datastore.Selectors.Selector.All, name, protocol));
            alternatives.Add(match with { PortSet = set });
            match = isExclusive ? match with { NotPortSets = [.. match.NotPortSets.Items, set] } : match;
        }

        return alternatives;
    }

    private string Ask(IpSetDefinition set)
    {
        _sets.TryAdd(set.Id, set);
        return set.Id;
    }

    private static EquatableArray<Cidr> ParseNets(string field, ImmutableArray<string>? nets)
    {
        var parsed = ImmutableArray.CreateBuilder<Cidr>();
        foreach (var text in nets ?? [])
        {
            if (!Cidr.TryParse(text, out var cidr))
            {
                throw new RuleUnusableException($"{field}: \"{text}\" is no address range");
            }

            parsed.Add(cidr);
        }

        return parsed.Count > 1 && parsed.Any(c => c.IsIpv6 != parsed[0].IsIpv6)
            ? throw new RuleUnusableException($"{field}: both IPv4 and IPv6")
            : new(parsed.ToImmutable());
    }

    private static (EquatableArray<PortRange> Numbers, ImmutableArray<string> Names) SplitPorts(string field,
        ImmutableArray<NumberOrString>? ports, byte? protocol)
    {
        var numbers = ImmutableArray.CreateBuilder<PortRange>();
        var names = ImmutableArray.CreateBuilder<string>();
        foreach (var port in ports ?? [])
        {
            var text = port.ToString();
            if (PortRange.TryParse(text, out var range))
            {
                numbers.Add(range);
            }
            else if (port.Number is not null || text.Length == 0 || !text.Any(char.IsAsciiLetter))
            {
                throw new RuleUnusableException($"{field}: \"{text}\" is no port");
            }
            else
            {
                names.Add(text);
            }
        }
        // Without the protocol in the match, "port 80" would read whatever lies at that offset of another protocol's header.
        var needsProtocol = numbers.Count > 0 || (protocol is not null && names.Count > 0);
        return needsProtocol && protocol is not (Tcp or Udp or Sctp)
            ? throw new RuleUnusableException($"{field}: ports need the protocol TCP, UDP or SCTP")
            : (new(numbers.ToImmutable()), names.ToImmutable());
    }

    private static byte? ParseProtocol(string field, NumberOrString? protocol) => protocol switch
    {
        null => null,
        { Number: >= 1 and <= 255 } number => (byte)number.Number,
        { Text: { } text } => text.ToLowerInvariant() switch
        {
            "tcp" => Tcp,
            "udp" => Udp,
            "icmp" => Icmp,
            "icmpv6" => IcmpV6,
            "sctp" => Sctp,
            "udplite" => UdpLite,
            _ => byte.TryParse(text, out var parsed) && parsed > 0 ? parsed
                : throw new RuleUnusableException($"{field}: \"{text}\" is unknown"),
        },
        _ => throw new RuleUnusableException($"{field}: {protocol}"),
    };

    private static IcmpTypeCode? ParseIcmp(string field, IcmpMatch? icmp) => icmp switch
    {
        null or { Type: null, Code: null } => null,
        { Type: >= 0 and <= 255, Code: null or (>= 0 and <= 255) } => new((byte)icmp.Type, (byte?)icmp.Code),
        _ => throw new RuleUnusableException($"{field}: type {icmp.Type}, code {icmp.Code}"),
    };

    private static void RefuseUnknown(string prefix, Dictionary<string, System.Text.Json.JsonElement>? unknown)
    {
        if (unknown is { Count: > 0 })
        {
            throw new RuleUnusableException($"unknown field {prefix}{unknown.Keys.Order(StringComparer.Ordinal).First()}");
        }
    }
}
