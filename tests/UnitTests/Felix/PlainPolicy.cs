using System.Net;
using Calico.Datastore.Resources.V3;

namespace Calico.UnitTests.Felix;

/// <summary>Policy semantics written down straight, with loops over everything: what the compiled programs must come to. Shares no code
/// with them: selectors are looked up in a table of predicates, addresses are compared as numbers.</summary>
internal sealed class PlainPolicy
{
    /// <summary>Selectors that random resources use, each with what it means.</summary>
    public static readonly IReadOnlyDictionary<string, Func<IReadOnlyDictionary<string, string>, bool>> Selectors =
        new Dictionary<string, Func<IReadOnlyDictionary<string, string>, bool>>(StringComparer.Ordinal)
        {
            [""] = _ => true,
            ["all()"] = _ => true,
            ["a == 'x'"] = labels => labels.GetValueOrDefault("a") == "x",
            ["a != 'x'"] = labels => labels.GetValueOrDefault("a") != "x",
            ["has(b)"] = labels => labels.ContainsKey("b"),
            ["!has(b)"] = labels => !labels.ContainsKey("b"),
            ["a in {'x','y'} && has(b)"] = labels => labels.GetValueOrDefault("a") is "x" or "y" && labels.ContainsKey("b"),
            ["a == 'y' || b == 'z'"] = labels => labels.GetValueOrDefault("a") == "y" || labels.GetValueOrDefault("b") == "z",
        };

    public required IReadOnlyList<PlainTier> Tiers { get; init; }

    public required IReadOnlyList<PlainRules> Policies { get; init; }

    /// <summary>Profiles by name.</summary>
    public required IReadOnlyDictionary<string, PlainRules> Profiles { get; init; }

    /// <summary>Everything that selectors can name.</summary>
    public required IReadOnlyList<PlainItem> Items { get; init; }

    /// <summary>Whether an endpoint lets a packet of one direction pass.</summary>
    public bool Allows(PlainItem endpoint, bool ingress, PlainPacket packet)
    {
        var tiers = Policies.Select(p => p.Tier).Distinct()
            .Select(name => Tiers.FirstOrDefault(t => t.Name == name) ?? new PlainTier(name, null, "Deny", Exists: false))
            .OrderBy(t => t.Exists ? 0 : 1).ThenBy(t => t.Order ?? double.PositiveInfinity).ThenBy(t => t.Name, StringComparer.Ordinal);
        foreach (var tier in tiers)
        {
            var policies = Policies
                .Where(p => !p.IsStaged && p.Tier == tier.Name && (ingress ? p.AppliesToIngress : p.AppliesToEgress)
                    && (p.Namespace.Length == 0 || p.Namespace == endpoint.Namespace) && Selectors[p.Selector](endpoint.Labels))
                .OrderBy(p => p.Order ?? double.PositiveInfinity).ThenBy(p => $"{p.Name}/{p.Namespace}/{p.Kind}", StringComparer.Ordinal).ToList();
            if (policies.Count == 0)
            {
                continue;
            }

            var decision = policies.SelectMany(p => (ingress ? p.Ingress : p.Egress).Select(r => (p, r)))
                .Where(x => x.r.Action != "Log" && Matches(x.r, x.p.Namespace, packet)).Select(x => x.r.Action).FirstOrDefault() ?? (tier.Default == "Pass" ? "Pass" : "Deny");
            if (decision is "Allow" or "Deny")
            {
                return decision == "Allow";
            }
        }

        foreach (var profile in endpoint.Profiles)
        {
            if (!Profiles.TryGetValue(profile, out var rules))
            {
                return false;
            }

            var decision = (ingress ? rules.Ingress : rules.Egress).Where(r => r.Action != "Log" && Matches(r, "", packet)).Select(r => r.Action).FirstOrDefault();
            if (decision is "Allow" or "Deny")
            {
                return decision == "Allow";
            }
        }

        return false;
    }

    private bool Matches(Rule rule, string ns, PlainPacket packet)
    {
        var nets = new[] { rule.Source?.Nets, rule.Source?.NotNets, rule.Destination?.Nets, rule.Destination?.NotNets }
            .SelectMany(n => n ?? []).ToList();
        return (rule.Protocol is null || rule.Protocol.ToString() == packet.Protocol)
            && (rule.NotProtocol is null || rule.NotProtocol.ToString() != packet.Protocol)
            && nets.All(n => n.Contains(':', StringComparison.Ordinal) == packet.Source.ToString().Contains(':', StringComparison.Ordinal))
            && Matches(rule.Source, ns, packet.Source, packet.SourcePort)
            && Matches(rule.Destination, ns, packet.Destination, packet.DestinationPort);
    }

    private bool Matches(EntityRule? side, string ns, IPAddress address, int port)
    {
        if (side is null)
        {
            return true;
        }

        bool Named(string selector, bool inNamespace) => Items.Any(i => i.Holds(address) && Selectors[selector](i.Labels)
            && (!inNamespace || ns.Length == 0 || i.Namespace == ns));
        var selects = !string.IsNullOrEmpty(side.Selector);
        var confines = selects || !string.IsNullOrEmpty(side.NotSelector);
        return (side.Nets is not { Length: > 0 } nets || nets.Any(n => IPNetwork.Parse(n).Contains(address)))
            && (side.NotNets ?? []).All(n => !IPNetwork.Parse(n).Contains(address))
            && (!selects || Named(side.Selector!, inNamespace: true))
            && (selects || !confines || ns.Length == 0 || Named("all()", inNamespace: true))
            && (string.IsNullOrEmpty(side.NotSelector) || !Named(side.NotSelector, inNamespace: false))
            && (side.Ports is not { Length: > 0 } ports || ports.Any(p => Holds(p.ToString(), port)))
            && (side.NotPorts ?? []).All(p => !Holds(p.ToString(), port));
    }

    private static bool Holds(string range, int port)
    {
        var parts = range.Split(':').Select(int.Parse).ToArray();
        return parts[0] <= port && port <= parts[^1];
    }
}

internal sealed record PlainTier(string Name, double? Order, string Default, bool Exists = true);

/// <summary>A policy, or a profile.</summary>
internal sealed record PlainRules(string Kind, string Name, string Namespace, string Tier, double? Order, string Selector, bool AppliesToIngress,
    bool AppliesToEgress, IReadOnlyList<Rule> Ingress, IReadOnlyList<Rule> Egress)
{
    public bool IsStaged => Kind.StartsWith("Staged", StringComparison.Ordinal);
}

/// <summary>An endpoint or a network set. A global set has no namespace.</summary>
internal sealed record PlainItem(string Name, string Namespace, IReadOnlyDictionary<string, string> Labels, IReadOnlyList<string> Nets, IReadOnlyList<string> Profiles)
{
    public bool Holds(IPAddress address) => Nets.Any(n => IPNetwork.Parse(n).Contains(address));
}

internal sealed record PlainPacket(IPAddress Source, IPAddress Destination, string Protocol, int SourcePort, int DestinationPort);
