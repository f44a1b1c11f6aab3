using Calico.Datastore.Addresses;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Strangers;

/// <summary>Reads what <c>iptables -S</c> prints of one table.</summary>
/// <remarks>What is not one of a few options makes a rule unclear.</remarks>
internal static class IptablesListing
{
    /// <param name="program"><c>iptables-legacy</c>.</param>
    /// <param name="table"><c>raw</c>.</param>
    /// <param name="listing">Lines <c>-P CHAIN POLICY</c>, <c>-N CHAIN</c> and <c>-A CHAIN ...</c>.</param>
    public static IReadOnlyList<ForeignChain> Read(string program, string table, string listing)
    {
        var lines = listing.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        var rules = lines.Where(l => l is ["-A", _, ..]).ToLookup(l => l[1], l => ReadRule(program, table, l));
        return [.. lines.Where(l => l is ["-P" or "-N", _, ..])
            .Select(l => new ForeignChain($"table {table} of {program}", l[1], l[0] == "-P" ? HookOf(l[1]) : null, [.. rules[l[1]]]))];
    }

    private static NftHook? HookOf(string chain) => chain switch
    {
        "PREROUTING" => NftHook.Prerouting,
        "INPUT" => NftHook.Input,
        "FORWARD" => NftHook.Forward,
        "OUTPUT" => NftHook.Output,
        "POSTROUTING" => NftHook.Postrouting,
        _ => null,
    };

    private static ForeignRule ReadRule(string program, string table, string[] words)
    {
        var rule = new ForeignRule(string.Join(' ', words[2..]),
            ForeignAction.Continue) { Removal = $"{program} -t {table} -D {string.Join(' ', words[1..])}" };
        var isInverted = false;
        for (var i = 2; i < words.Length; i++)
        {
            var value = i + 1 < words.Length ? words[i + 1] : "";
            switch (words[i])
            {
                case "!":
                    isInverted = true;
                    continue;
                case "-i" or "-o":
                    var name = new NameMatch(value.EndsWith('+') ? value[..^1] + "*" : value, isInverted);
                    rule = words[i] == "-i" ? rule with { Incoming = name } : rule with { Outgoing = name };
                    break;
                case "-s" or "-d" when Cidr.TryParse(value, out var range):
                    var match = new AddressMatch([range], isInverted);
                    rule = words[i] == "-s" ? rule with { Source = match } : rule with { Destination = match };
                    break;
                case "-p" or "--dport" or "--sport" or "--dports" or "--sports" or "--ports" or "--icmp-type" or "--icmpv6-type"
                    or "--tcp-flags":
                    rule = rule with { IsPartial = true };
                    i += words[i] == "--tcp-flags" ? 1 : 0;
                    break;
                case "-m" when value is "tcp" or "udp" or "icmp" or "icmp6" or "multiport" or "comment":
                case "--reject-with":
                    break;
                case "--comment":
                    i = EndOfComment(words, i + 1);
                    continue;
                case "-j" or "-g":
                    rule = rule with { Action = ActionOf(words[i], value), Target = value };
                    break;
                default:
                    rule = rule with { IsUnclear = true };
                    break;
            }

            (isInverted, i) = (false, i + 1);
        }

        return rule;
    }

    private static ForeignAction ActionOf(string option, string target) => target switch
    {
        "ACCEPT" => ForeignAction.Accept,
        "DROP" or "REJECT" => ForeignAction.Drop,
        "RETURN" => ForeignAction.Return,
        "LOG" or "NFLOG" or "MARK" or "CT" or "TRACE" or "CHECKSUM" or "TCPMSS" or "CONNMARK" => ForeignAction.Continue,
        _ => option == "-g" ? ForeignAction.Goto : ForeignAction.Jump,
    };

    /// <summary>A comment with blanks is in quotation marks.</summary>
    private static int EndOfComment(string[] words, int first)
    {
        var at = first;
        if (at < words.Length && words[at].StartsWith('"'))
        {
            while (at < words.Length - 1 && !(words[at].EndsWith('"') && (at > first || words[at].Length > 1)))
            {
                at++;
            }
        }

        return at;
    }
}
