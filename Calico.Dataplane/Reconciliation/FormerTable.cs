using System.Collections.Immutable;
using Calico.Dataplane.Translation;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Whether a table that a process finds at its start enforces what a former process wrote, whatever its version.</summary>
/// <remarks>
/// Its policy is not known yet, so it cannot be compared as a whole. But the comment of a rule of ours begins with a hash of what the rule
/// did when it was written: a rule without one is a stranger's, and one whose comment is that of a rule which this version writes too
/// must do the same. What is found here would stand, undecided, for as long as the store is away.
/// </remarks>
internal static class FormerTable
{
    /// <param name="actual">As read, elements apart.</param>
    /// <param name="skeleton">What this version writes before it knows anything.</param>
    /// <returns>What is wrong with it, in words; empty: it may go on enforcing.</returns>
    public static ImmutableArray<string> FindFlaws(NftTableState actual, Ruleset skeleton)
    {
        var flaws = ImmutableArray.CreateBuilder<string>();
        if (actual.Unusual.Length > 0)
        {
            flaws.Add($"table {actual.Table} is {actual.Unusual}");
        }

        var ruled = actual.Rules.Select(r => r.Chain).ToHashSet();
        foreach (var (name, desired) in skeleton.Chains.Where(c => c.Value.Hook is not null))
        {
            if (!actual.Chains.Any(c => c.Name == name && desired.Matches(c)) || !ruled.Contains(name))
            {
                flaws.Add($"chain {name}");
            }
        }

        var known = new Dictionary<string, NftRuleContent>(StringComparer.Ordinal);
        foreach (var rule in skeleton.Chains.Values.SelectMany(c => c.Identities))
        {
            known[rule.Comment!] = rule.Content;
        }

        flaws.AddRange(actual.Rules
            .Where(r => r.Comment?.StartsWith(RuleIdentity.Prefix, StringComparison.Ordinal) != true
                || (known.TryGetValue(r.Comment, out var content) && content != r.Content))
            .Select(r => r.Chain).Distinct().Select(c => $"rules of chain {c}"));
        return flaws.ToImmutable();
    }
}
