using System.Text;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Strangers;

/// <summary>What others' nftables do to forwarded packets; reads only.</summary>
internal sealed class ForeignChains(NftSocket socket, NftTable own, string interfacePrefix)
{
    private static readonly NftVerdict ToDocker = NftVerdict.Jump(IptablesChain.DockerUser);
    private static readonly NftFamily[] Families = [NftFamily.IPv4, NftFamily.IPv6, NftFamily.Inet];

    /// <summary>iptables-nft's chain, where it is there.</summary>
    public IptablesChain? ReadIptables(NftFamily family)
    {
        var table = new NftTable(family, "filter");
        var chains = socket.ListTables().Contains(table) ? socket.ListChains(table) : [];
        if (!chains.Any(c => c.Name == IptablesChain.Forward && c.Hook == NftHook.Forward))
        {
            return null;
        }

        var names = new[] { IptablesChain.Forward, IptablesChain.DockerUser }.Where(n => chains.Any(c => c.Name == n)).ToList();
        var rules = names.ToDictionary(n => n, n => socket.ListRules(table, n).ToList());
        return new(family, IsLegacy: false, Drops(chains.Single(c => c.Name == IptablesChain.Forward), rules[IptablesChain.Forward]),
            rules[IptablesChain.Forward].Any(r => r.Expressions.Any(e => e.Verdict is { } v && (v == ToDocker || v == NftVerdict.Goto(
                IptablesChain.DockerUser)))), [.. names.Where(n => rules[n].TakeWhile(r => !IsUnconditionalReturn(r)).Count(IsOurs) == 2)],
            [.. names.Where(n => rules[n].Any(IsOurs))]);
    }

    /// <summary>Chains of nobody's iptables that drop what they do not accept, and accept nothing of ours by name.</summary>
    public IEnumerable<(NftTable Table, NftChain Chain)> FindOthersThatDrop()
    {
        foreach (var table in socket.ListTables().Where(t => Families.Contains(t.Family) && t != own))
        {
            foreach (var chain in socket.ListChains(table).Where(c => c.Hook == NftHook.Forward))
            {
                if (table.Name == "filter" && table.Family != NftFamily.Inet && chain.Name == IptablesChain.Forward)
                {
                    continue;
                }

                var rules = socket.ListRules(table, chain.Name);
                if (Drops(chain, rules) && !rules.Any(r => Contains(r, Encoding.UTF8.GetBytes(interfacePrefix))))
                {
                    yield return (table, chain);
                }
            }
        }
    }

    /// <summary>Every table of others whose chains a packet of a workload may meet, with what their rules ask.</summary>
    public IEnumerable<IReadOnlyList<ForeignChain>> ReadAll()
    {
        foreach (var table in socket.ListTables().Where(t => Families.Contains(t.Family) && t != own))
        {
            var chains = socket.ListChains(table);
            if (!chains.Any(c => c.Hook is not null && c.Type != "nat"))
            {
                continue;
            }

            var rules = socket.ListRules(table).ToLookup(r => r.Chain);
            yield return [.. chains.Select(c => new ForeignChain($"table {table}", c.Name, c.Type == "nat" ? null : c.Hook,
                [.. rules[c.Name].Select(r => NftRuleReading.Read(r,
                    set => socket.ListElements(table, set)) with { Removal = $"nft delete rule {table} {c.Name} handle {r.Handle}" })]))];
        }
    }

    private static bool Drops(NftChain chain, IReadOnlyList<NftRuleState> rules) => chain.PolicyDrop
        || (rules.Count > 0 && rules[^1].Expressions is var steps && steps.All(IsUnconditional) && steps.Any(IsRefusal));

    /// <summary>Not a comparison, lookup or limit: whatever packet comes, the next step is taken.</summary>
    private static bool IsUnconditional(NftExpressionState step) => step.Name is "counter" or "log" or "immediate" or "reject" or "target";

    private static bool IsRefusal(NftExpressionState step) => step.Name switch
    {
        "reject" => true,
        "target" => step.Content.AsSpan().IndexOf("REJECT"u8) >= 0 || step.Content.AsSpan().IndexOf("DROP"u8) >= 0,
        _ => step.Verdict == NftVerdict.Drop,
    };

    private static bool IsUnconditionalReturn(NftRuleState rule) => rule.Expressions is var steps
        && steps.All(IsUnconditional) && steps.Any(s => s.Verdict == NftVerdict.Return);

    private static bool IsOurs(NftRuleState rule) => rule.Comment == Iptables.Mark || Contains(rule, Encoding.UTF8.GetBytes(Iptables.Mark));

    private static bool Contains(NftRuleState rule, byte[] text) => rule.Expressions.Any(e => e.Content.AsSpan().IndexOf(text) >= 0);
}
