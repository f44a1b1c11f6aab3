using Calico.Dataplane.Translation;
using Calico.Linux.Nftables;

namespace Calico.UnitTests.Dataplane;

/// <summary>Rules as a person reads them: each step in its order.</summary>
internal static class RuleText
{
    public static string Of(NftRule rule) => string.Join(" | ", rule.Expressions.Select(e => e switch
    {
        Meta { Sets: false } m => $"{m.Key}->{m.Register}",
        Meta m => $"{m.Register}->{m.Key}",
        Payload p => $"{p.From}+{p.Offset}:{p.Length}->{p.Target}",
        Compare c => $"{c.Source} {c.Operator} {c.Value}",
        RangeMatch r => $"{r.Source} {(r.Inverted ? "not " : "")}in {r.First}-{r.Last}",
        Lookup l => $"{l.Key} {(l.Inverted ? "not " : "")}in @{l.Set}{(l.Target is { } t ? $"->{t}" : "")}",
        Connection c => $"ct {c.Key}->{c.Register}",
        ObjectReference o => $"count {o.Object}",
        Verdict v => $"{v.Value}",
        Log l => $"log \"{l.Prefix}\" group {l.Group}",
        _ => e.Name,
    }));

    public static string[] Chain(RulesetTranslator translator, string name) => [.. translator.Ruleset.Chains[name].Rules.Select(Of)];
}
