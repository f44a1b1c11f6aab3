using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;

namespace Calico.UnitTests.Felix;

/// <summary>Policy semantics written down straight, with loops over everything: what the compiled programs must come to. Shares no code
/// with them: selectors are looked up in a table of predicates, addresses are compared as numbers.</summary>
internal sealed partial class PlainPolicy
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

    /// <summary>What rules may call by name.</summary>
    public IReadOnlyList<PlainService> Services { get; init; } = [];

    /// <summary>Which host endpoint is judged with: of this interface, of all (<c>*</c>), or by its address (empty); null: there is none.
    /// It is the last of <see cref="Items"/>.</summary>
    public string? HostInterface { get; init; }

    /// <summary>Whether an endpoint lets a packet of one direction pass.</summary>
    public bool Allows(PlainItem endpoint, bool ingress, PlainPacket packet) => Judge(endpoint, ingress, packet).Allows == true;

    /// <summary>What an endpoint's policies make of a packet, and which rule it was.</summary>
    /// <param name="endpoint">One of <see cref="Items"/>.</param>
    /// <param name="ingress">Direction, seen from it.</param>
    /// <param name="packet">What is judged.</param>
    /// <param name="stage">Of a host endpoint: <c>forward</c>, <c>untracked</c>, <c>preDNAT</c>; otherwise empty.</param>
    public PlainVerdict Judge(PlainItem endpoint, bool ingress, PlainPacket packet, string stage = "")
    {
        var staged = new List<string>();
        return Judge(endpoint, ingress, packet, stage, staged) with { Staged = staged };
    }

    private PlainVerdict Judge(PlainItem endpoint, bool ingress, PlainPacket packet, string stage, List<string> staged)
    {
        var counted = new List<string>();
        var tiers = Policies.Select(p => p.Tier).Distinct()
            .Select(name => Tiers.FirstOrDefault(t => t.Name == name) ?? new PlainTier(name, null, "Deny", Exists: false))
            .OrderBy(t => t.Exists ? 0 : 1).ThenBy(t => t.Order ?? double.PositiveInfinity).ThenBy(t => t.Name, StringComparer.Ordinal);
        foreach (var tier in tiers)
        {
            var policies = Policies
                .Where(p => p.Tier == tier.Name && (ingress ? p.AppliesToIngress : p.AppliesToEgress) && p.IsOf(stage)
                    && IsFor(p, endpoint))
                .OrderBy(p => p.Order ?? double.PositiveInfinity)
                .ThenBy(p => $"{p.Name}/{p.Namespace}/{p.Kind}", StringComparer.Ordinal).ToList();
            var isOnlyStaged = policies.All(p => p.IsStaged) && tier.Default != "Pass" && stage is "" or "forward";
            var (action, by) = policies.Select(p => Ask(p, ingress, packet, counted, staged, isOnlyStaged))
                .FirstOrDefault(asked => asked.Action is not null);
            if (action is "Allow" or "Deny")
            {
                return new(action == "Allow", by, counted);
            }

            // Where nothing that follows drops, no end of a tier does.
            if (action is null && policies.Any(p => !p.IsStaged) && tier.Default != "Pass" && stage is "" or "forward")
            {
                return new(false, $"end of tier {tier.Name}", counted);
            }
        }

        if (stage.Length > 0)
        {
            return new(null, "", counted);
        }

        foreach (var profile in endpoint.Profiles)
        {
            if (!Profiles.TryGetValue(profile, out var rules))
            {
                var missing = PlainVerdict.Rule(Kinds.Profile.Name, "", profile, ingress, -1);
                return new(false, missing, [.. counted, missing]);
            }

            var (action, by) = Ask(rules, ingress, packet, counted, staged, isOnlyStaged: false);
            if (action is "Allow" or "Deny")
            {
                return new(action == "Allow", by, counted);
            }
        }

        return new(false, "no profile", counted);
    }

    /// <summary>Asks one policy: what its first rule that matches says; null: none does, or nothing of it is enforced.</summary>
    private (string? Action, string By) Ask(PlainRules policy, bool ingress, PlainPacket packet, List<string> counted,
        List<string> staged, bool isOnlyStaged)
    {
        foreach (var (index, rule) in (ingress ? policy.Ingress : policy.Egress).Index())
        {
            if (Matches(rule, policy.Namespace, packet))
            {
                var by = PlainVerdict.Rule(policy.Kind, policy.Namespace, policy.Name, ingress, index);
                counted.Add(by);
                if (policy.IsStaged && rule.Action == "Deny")
                {
                    staged.Add(by);
                }

                if (rule.Action != "Log")
                {
                    return policy.IsStaged ? (null, "") : (rule.Action, by);
                }
            }
        }

        if (policy.IsStaged)
        {
            var whole = PlainVerdict.Rule(policy.Kind, policy.Namespace, policy.Name, ingress, -1);
            counted.Add(whole);
            staged.AddRange(isOnlyStaged ? [whole] : []);
        }

        return (null, "");
    }
}

internal sealed record PlainTier(string Name, double? Order, string Default, bool Exists = true);

/// <summary>A policy, or a profile.</summary>
internal sealed record PlainRules(string Kind, string Name, string Namespace, string Tier, double? Order, string Selector,
    bool AppliesToIngress,
    bool AppliesToEgress, IReadOnlyList<Rule> Ingress, IReadOnlyList<Rule> Egress)
{
    public bool IsStaged => Kind.StartsWith("Staged", StringComparison.Ordinal);

    /// <summary>Of a host endpoint's traffic: <c>untracked</c>, <c>preDNAT</c>, or empty.</summary>
    public string Stage { get; init; } = "";

    public bool AppliesOnForward { get; init; }

    /// <summary>Of a policy without a namespace: whose endpoints; empty: not asked.</summary>
    public string NamespaceSelector { get; init; } = "";

    /// <summary>Of which service accounts; empty: not asked.</summary>
    public string AccountSelector { get; init; } = "";

    /// <summary>Of a profile: what its endpoints inherit.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public bool IsOf(string stage) => stage == "forward" ? Stage.Length == 0 && AppliesOnForward : Stage == stage;
}

/// <summary>An endpoint or a network set. A global set has no namespace, a network set no port.</summary>
internal sealed record PlainItem(string Name, string Namespace, IReadOnlyDictionary<string, string> Labels, IReadOnlyList<string> Nets,
    IReadOnlyList<string> Profiles)
{
    /// <summary>The port that it has a name for.</summary>
    public (string Name, string Protocol, int Number)? Port { get; init; }

    /// <summary>Its service account; empty: none.</summary>
    public string Account { get; init; } = "";

    public bool Holds(IPAddress address) => Nets.Any(n => IPNetwork.Parse(n).Contains(address));
}

/// <summary>A Service, all of whose endpoints have all of its ports.</summary>
internal sealed record PlainService(string Namespace, string Name, IReadOnlyList<string> Addresses,
    IReadOnlyList<(string Protocol, int Number)> Ports);

internal sealed record PlainPacket(IPAddress Source, IPAddress Destination, string Protocol, int SourcePort, int DestinationPort)
{
    /// <summary>Type and code.</summary>
    public (int Type, int Code)? Icmp { get; init; }

    public bool IsIpv6 => Source.AddressFamily == AddressFamily.InterNetworkV6;

    public bool Has(IcmpMatch icmp) => Icmp is { } own && own.Type == icmp.Type && (icmp.Code is null || icmp.Code == own.Code);
}

/// <summary>What comes of a packet.</summary>
/// <param name="Allows">Null: nothing decides, and it goes on.</param>
/// <param name="By">The rule that decided, or what else did.</param>
/// <param name="Counted">Every rule that counts it, in order: those that log and pass, and of staged policies what they would do.</param>
internal sealed record PlainVerdict(bool? Allows, string By, IReadOnlyList<string> Counted)
{
    /// <summary>Rules of staged policies that would have dropped the packet; of a policy as a whole: the end of its tier would have.
    /// </summary>
    public IReadOnlyList<string> Staged { get; init; } = [];

    /// <summary>A rule by its place; -1: its resource as a whole.</summary>
    public static string Rule(string kind, string ns, string name, bool ingress, int index) =>
        $"{kind}({ns}/{name}) {(ingress ? "ingress" : "egress")} {index}";
}
