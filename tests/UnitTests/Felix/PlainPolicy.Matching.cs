using System.Net;
using Calico.Datastore.Resources.V3;

namespace Calico.UnitTests.Felix;

/// <summary>Whom a policy and a rule mean.</summary>
internal sealed partial class PlainPolicy
{
    /// <summary>Selectors over namespaces, by the labels that endpoints have of them.</summary>
    public static readonly IReadOnlyDictionary<string, Func<PlainItem, IReadOnlyDictionary<string, string>, bool>> NamespaceSelectors =
        new Dictionary<string, Func<PlainItem, IReadOnlyDictionary<string, string>, bool>>(StringComparer.Ordinal)
        {
            ["all()"] = (item, _) => item.Namespace.Length > 0,
            ["global()"] = (item, _) => item.Namespace.Length == 0,
            ["team == 'red'"] = (_, labels) => labels.GetValueOrDefault("pcns.team") == "red",
            ["!has(team)"] = (_, labels) => !labels.ContainsKey("pcns.team"),
        };

    /// <summary>Selectors over service accounts likewise.</summary>
    public static readonly IReadOnlyDictionary<string, Func<PlainItem, IReadOnlyDictionary<string, string>, bool>> AccountSelectors =
        new Dictionary<string, Func<PlainItem, IReadOnlyDictionary<string, string>, bool>>(StringComparer.Ordinal)
        {
            ["all()"] = (item, _) => item.Account.Length > 0,
            ["role == 'x'"] = (_, labels) => labels.GetValueOrDefault("pcsa.role") == "x",
            ["!has(role)"] = (_, labels) => !labels.ContainsKey("pcsa.role"),
        };

    private readonly Dictionary<PlainItem, Dictionary<string, string>> _labels = new(ReferenceEqualityComparer.Instance);

    /// <summary>Its own, then those of its profiles in order.</summary>
    private Dictionary<string, string> LabelsOf(PlainItem item)
    {
        if (!_labels.TryGetValue(item, out var labels))
        {
            _labels.Add(item, labels = new(item.Labels));
            foreach (var (name, value) in item.Profiles.Where(Profiles.ContainsKey).SelectMany(profile => Profiles[profile].Labels))
            {
                labels.TryAdd(name, value);
            }
        }

        return labels;
    }

    /// <summary>Whether a policy applies to an endpoint.</summary>
    /// <remarks>Upstream writes one selector of the three, and where there is one over namespaces, or over accounts, of a policy without a
    /// namespace, <c>all()</c> means all that have a namespace, or an account. A policy of a namespace leaves it as it is.</remarks>
    private bool IsFor(PlainRules policy, PlainItem endpoint)
    {
        var labels = LabelsOf(endpoint);
        var isGlobal = policy.Namespace.Length == 0;
        var (asksNamespace, asksAccount) = (policy.NamespaceSelector.Length > 0, policy.AccountSelector.Length > 0);
        var isOwn = !isGlobal || policy.Selector != "all()" ? Selectors[policy.Selector](labels)
            : asksNamespace ? endpoint.Namespace.Length > 0
            : !asksAccount || endpoint.Account.Length > 0;
        return isOwn && (isGlobal || policy.Namespace == endpoint.Namespace)
            && (!asksNamespace || NamespaceSelectors[policy.NamespaceSelector](endpoint, labels))
            && (!asksAccount || (!isGlobal && policy.AccountSelector == "all()")
                || AccountSelectors[policy.AccountSelector](endpoint, labels));
    }

    private bool Matches(Rule rule, string ns, PlainPacket packet)
    {
        var nets = new[] { rule.Source?.Nets, rule.Source?.NotNets, rule.Destination?.Nets, rule.Destination?.NotNets }
            .SelectMany(n => n ?? []).ToList();
        return (rule.IpVersion is null || rule.IpVersion == (packet.IsIpv6 ? 6 : 4))
            && (rule.Protocol is null || rule.Protocol.ToString() == packet.Protocol)
            && (rule.NotProtocol is null || rule.NotProtocol.ToString() != packet.Protocol)
            && (rule.Icmp is not { } icmp || packet.Has(icmp))
            && (rule.NotIcmp is not { } notIcmp || (packet.Icmp is not null && !packet.Has(notIcmp)))
            && nets.All(n => n.Contains(':', StringComparison.Ordinal) == packet.IsIpv6)
            && Matches(rule.Source, ns, packet.Source, (packet.Protocol, packet.SourcePort))
            && Matches(rule.Destination, ns, packet.Destination, (packet.Protocol, packet.DestinationPort))
            && IsOf(rule.Source?.Services, packet.Source, null)
            && IsOf(rule.Destination?.Services, packet.Destination, (packet.Protocol, packet.DestinationPort));
    }

    /// <summary>Who sends is of a Service by its address, who gets by its port as well.</summary>
    private bool IsOf(ServiceMatch? service, IPAddress address, (string Protocol, int Number)? port) => service is null
        || Services.Any(s => s.Namespace == service.Namespace && s.Name == service.Name && s.Addresses.Contains($"{address}")
            && (port is not { } asked || s.Ports.Contains(asked)));

    private bool Matches(EntityRule? side, string ns, IPAddress address, (string Protocol, int Number) port)
    {
        if (side is null)
        {
            return true;
        }

        var selects = !string.IsNullOrEmpty(side.Selector);
        var namespaces = side.NamespaceSelector ?? "";
        var confines = selects || !string.IsNullOrEmpty(side.NotSelector) || namespaces.Length > 0 || side.ServiceAccounts is not null;
        bool IsWhere(PlainItem item) => namespaces.Length > 0 ? NamespaceSelectors[namespaces](item, LabelsOf(item))
            : ns.Length == 0 || item.Namespace == ns;
        bool IsSelected(PlainItem item) => item.Holds(address) && (!confines
            || ((!selects || Selectors[side.Selector!](LabelsOf(item))) && HasAccount(side.ServiceAccounts, item) && IsWhere(item)));
        // A selector is asked unless the whole rule is not about endpoints; of a port's name the very endpoint has to be selected.
        var asks = selects || side.ServiceAccounts is not null || (confines && (namespaces.Length > 0 || ns.Length > 0));
        bool IsNamed(string name) => Items.Any(i => IsSelected(i) && i.Port is { } own && own == (name, port.Protocol, port.Number));
        bool IsInSet() => !asks || Items.Any(IsSelected);
        var (ports, notPorts) = (side.Ports ?? [], side.NotPorts ?? []);
        return (side.Nets is not { Length: > 0 } nets || nets.Any(n => IPNetwork.Parse(n).Contains(address)))
            && (side.NotNets ?? []).All(n => !IPNetwork.Parse(n).Contains(address))
            && (string.IsNullOrEmpty(side.NotSelector) || !Items.Any(i => i.Holds(address) && Selectors[side.NotSelector](LabelsOf(i))))
            && (ports.Length == 0 ? IsInSet()
                : ports.Any(p => IsName(p.ToString()) ? IsNamed(p.ToString()) : IsInSet() && Holds(p.ToString(), port.Number)))
            && notPorts.All(p => IsName(p.ToString()) ? !IsNamed(p.ToString()) : !Holds(p.ToString(), port.Number));
    }

    private bool HasAccount(ServiceAccountMatch? accounts, PlainItem item) => accounts is null
        || ((accounts.Names is not { Length: > 0 } names || names.Contains(item.Account))
            && (string.IsNullOrEmpty(accounts.Selector) || AccountSelectors[accounts.Selector](item, LabelsOf(item))));

    private static bool IsName(string port) => char.IsAsciiLetter(port[0]);

    private static bool Holds(string range, int port)
    {
        var parts = range.Split(':').Select(int.Parse).ToArray();
        return parts[0] <= port && port <= parts[^1];
    }
}
