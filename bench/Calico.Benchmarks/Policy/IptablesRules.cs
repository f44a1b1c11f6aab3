using System.Globalization;
using System.Text;
using Calico.Datastore.Resources.V3;

namespace Calico.Benchmarks.Policy;

/// <summary>Rules for iptables-restore and ipset in the structure that upstream's Felix gives them (reference: its chains, marks and
/// dispatch), of the same endpoints and policies.</summary>
/// <remarks>Chain names are numbers here: a name is not compared for any packet. Written by us from the description.</remarks>
internal sealed class IptablesRules
{
    private const string Accept = "0x10000/0x10000";
    private const string FromWorkload = "0x40000/0x40000";

    private readonly StringBuilder _filter = new("*filter\n");
    private readonly StringBuilder _rules = new();
    private readonly StringBuilder _sets = new();
    private readonly SortedDictionary<char, List<string>> _dispatched = [];

    public IptablesRules()
    {
        foreach (var chain in (string[])["cali-FORWARD", "cali-from-hep-forward", "cali-to-hep-forward", "cali-cidr-block",
            "cali-from-wl-dispatch",
            "cali-to-wl-dispatch", "cali-pri-open", "cali-pro-open"])
        {
            Chain(chain);
        }

        Rule("FORWARD -j cali-FORWARD", $"FORWARD -m mark --mark {Accept} -j ACCEPT", $"FORWARD -j MARK --set-xmark {Accept}",
            "cali-FORWARD -j MARK --set-xmark 0x0/0xe0000", "cali-FORWARD -m mark --mark 0x0/0x10000 -j cali-from-hep-forward",
            "cali-FORWARD -i cali+ -j cali-from-wl-dispatch", "cali-FORWARD -o cali+ -j cali-to-wl-dispatch",
            "cali-FORWARD -j cali-to-hep-forward", "cali-FORWARD -j cali-cidr-block");
        foreach (var profile in (string[])["cali-pri-open", "cali-pro-open"])
        {
            Rule($"{profile} -j MARK --set-xmark {Accept}", $"{profile} -m mark --mark {Accept} -j RETURN");
        }
    }

    /// <summary>For <c>ipset restore</c>.</summary>
    public string Sets => _sets.ToString();

    /// <summary>For <c>iptables-restore</c>.</summary>
    public string ToText()
    {
        foreach (var (letter, links) in _dispatched)
        {
            foreach (var (way, option, endpoint) in ((string, string, string)[])[("from", "-i", "fw"), ("to", "-o", "tw")])
            {
                var child = $"cali-{way}-wl-dispatch-{letter}";
                Chain(child);
                Rule($"cali-{way}-wl-dispatch {option} cali{letter}+ -g {child}");
                Rule([.. links.Select(link => $"{child} {option} {link} -g cali-{endpoint}-{link}"), $"{child} -j DROP"]);
            }
        }

        Rule("cali-from-wl-dispatch -j DROP", "cali-to-wl-dispatch -j DROP");
        return $"""
            *raw
            :cali-PREROUTING - [0:0]
            :cali-rpf-skip - [0:0]
            -A PREROUTING -j cali-PREROUTING
            -A cali-PREROUTING -j MARK --set-xmark 0x0/0xf0000
            -A cali-PREROUTING -i cali+ -j MARK --set-xmark {FromWorkload}
            -A cali-PREROUTING -m mark --mark {FromWorkload} -j cali-rpf-skip
            -A cali-PREROUTING -m mark --mark {FromWorkload} -m rpfilter --validmark --invert -j DROP
            -A cali-PREROUTING -m mark --mark {Accept} -j ACCEPT
            COMMIT
            *mangle
            :cali-PREROUTING - [0:0]
            -A PREROUTING -j cali-PREROUTING
            -A cali-PREROUTING -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A cali-PREROUTING -m mark --mark {Accept} -j ACCEPT
            COMMIT
            {_filter}{_rules}COMMIT

            """;
    }

    public void Set(int number, IEnumerable<string> members)
    {
        _sets.Append(CultureInfo.InvariantCulture, $"create cali40s:{number} hash:net family inet maxelem 1048576\n");
        foreach (var member in members)
        {
            _sets.Append(CultureInfo.InvariantCulture, $"add cali40s:{number} {member}\n");
        }
    }

    /// <summary>The rules of a policy, as <see cref="PolicyResources.Three"/> and <see cref="PolicyResources.Tcp"/> make them.</summary>
    public void Policy(string name, IEnumerable<Rule> rules)
    {
        var chain = $"cali-pi-{name}";
        Chain(chain);
        foreach (var rule in rules)
        {
            var match = new StringBuilder();
            match.Append(CultureInfo.InvariantCulture, $"-p {rule.Protocol.ToString()!.ToLowerInvariant()}");
            if (rule.Source?.Selector is { } selector)
            {
                match.Append(CultureInfo.InvariantCulture, $" -m set --match-set cali40s:{selector.Split('\'')[1][1..]} src");
            }

            foreach (var port in rule.Destination?.Ports ?? [])
            {
                match.Append(CultureInfo.InvariantCulture, $" -m multiport --destination-ports {port}");
            }

            // Several nets: one rule each sets a scratch mark; with two that is what is rendered.
            foreach (var net in rule.Source?.Nets is { } nets ? nets.Select(n => $" -s {n}") : [""])
            {
                Rule($"{chain}{net} {match} -j MARK --set-xmark {(rule.Action == "Allow" ? Accept : "0x80000/0x80000")}");
            }

            Rule(rule.Action == "Allow" ? $"{chain} -m mark --mark {Accept} -j RETURN" : $"{chain} -m mark --mark 0x80000/0x80000 -j DROP");
        }
    }

    public void Endpoint(string link, IReadOnlyCollection<string> policies)
    {
        if (!_dispatched.TryGetValue(link["cali".Length], out var links))
        {
            _dispatched.Add(link["cali".Length], links = []);
        }

        links.Add(link);
        foreach (var (chain, profile, asked) in ((string, string, IReadOnlyCollection<string>)[])
            [($"cali-tw-{link}", "cali-pri-open", policies), ($"cali-fw-{link}", "cali-pro-open", [])])
        {
            Chain(chain);
            Rule($"{chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", $"{chain} -m conntrack --ctstate INVALID -j DROP",
                $"{chain} -j MARK --set-xmark 0x0/0x30000");
            if (asked.Count > 0)
            {
                Rule($"{chain} -j MARK --set-xmark 0x0/0x20000");
                Rule([.. asked.SelectMany(policy => new[]
                {
                    $"{chain} -m mark --mark 0x0/0x20000 -j cali-pi-{policy}", $"{chain} -m mark --mark {Accept} -j RETURN",
                })]);
                Rule($"{chain} -m mark --mark 0x0/0x20000 -j DROP");
            }

            Rule($"{chain} -j {profile}", $"{chain} -m mark --mark {Accept} -j RETURN", $"{chain} -j DROP");
        }
    }

    /// <summary>For one endpoint whose policies change: its chain anew.</summary>
    public static string Replace(string link, IEnumerable<string> policies)
    {
        var rules = new IptablesRules();
        rules._rules.Clear();
        rules._filter.Clear().Append("*filter\n");
        rules.Endpoint(link, [.. policies]);
        return $"{rules._filter}{rules._rules}COMMIT\n";
    }

    private void Chain(string name) => _filter.Append(CultureInfo.InvariantCulture, $":{name} - [0:0]\n");

    private void Rule(params string[] rules)
    {
        foreach (var rule in rules)
        {
            _rules.Append(CultureInfo.InvariantCulture, $"-A {rule}\n");
        }
    }
}
