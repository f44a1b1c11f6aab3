using System.Globalization;
using System.Text;
using Calico.Dataplane.Translation;
using Calico.Linux.Nftables;

namespace Calico.UnitTests.Dataplane;

/// <summary>Rules as a person reads them: each step in its order.</summary>
internal static class RuleText
{
    public static string Of(NftRule rule) => Of(rule, e => e.Name);

    private static string Of(NftRule rule, Func<NftExpression, string> other) => string.Join(" | ", rule.Expressions.Select(e => e switch
    {
        Meta { Sets: false } m => $"{m.Key}->{m.Register}",
        Meta m => $"{m.Register}->{m.Key}",
        Payload p => $"{p.From}+{p.Offset}:{p.Length}->{p.Target}",
        Compare c => $"{c.Source} {c.Operator} {c.Value}",
        RangeMatch r => $"{r.Source} {(r.Inverted ? "not " : "")}in {r.First}-{r.Last}",
        Lookup l => $"{l.Key} {(l.Inverted ? "not " : "")}in @{l.Set}{(l.Target is { } t ? $"->{t}" : "")}",
        Connection c => $"ct {c.Key}->{c.Register}",
        // Named by a hash of whose rule it is.
        ObjectReference o => o.Object.StartsWith("rule-", StringComparison.Ordinal) ? "count rule" : $"count {o.Object}",
        Immediate i => $"{i.Value}->{i.Target}",
        Verdict v => $"{v.Value}",
        Log l => $"log \"{l.Prefix}\" group {l.Group}",
        _ => other(e),
    }));

    public static string[] Chain(RulesetTranslator translator, string name) => [.. translator.Ruleset.Chains[name].Rules.Select(Of)];

    /// <summary>A whole table: sets and maps with what they hold, then chains with where packets enter them, by name.</summary>
    public static string Table(RulesetTranslator translator)
    {
        var text = new StringBuilder();
        foreach (var (name, set) in translator.Ruleset.Sets.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"set {name}\n");
            foreach (var element in set.Difference().Added.Select(Of).Order(StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"  {element}\n");
            }
        }

        foreach (var (name, chain) in translator.Ruleset.Chains.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture,
                $"chain {name}{(chain.Hook is { } hook ? $" ({hook.Type} {hook.Hook} {hook.Priority})" : "")}\n");
            foreach (var rule in chain.Rules)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {Of(rule, e => $"{e}")}\n");
            }
        }

        return text.ToString();
    }

    private static string Of(NftElement element) => (element.Flags == NftElementFlags.None ? $"{element.Key}"
        : $"{element.Key} {element.Flags}".TrimStart())
        + (element.KeyEnd is { } end ? $"-{end}" : "") + (element.Data is { } data ? $" -> {data}" : "")
        + (element.Verdict is { } verdict ? $" -> {verdict}" : "")
        + (element.Object is { } counter ? $" -> count {counter}" : "");
}
