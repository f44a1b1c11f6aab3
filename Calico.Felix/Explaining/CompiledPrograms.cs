using System.Collections.Immutable;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>The IP sets and rule lists that one graph has told, and what programs over them say of a packet.</summary>
internal sealed class CompiledPrograms
{
    private readonly Dictionary<string, IpSetContent> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RuleList> _lists = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _setTexts = new(StringComparer.Ordinal);
    private readonly PolicyOracle _oracle;

    public CompiledPrograms() => _oracle = new(_lists.GetValueOrDefault, IsMember);

    public IReadOnlyDictionary<string, IpSetContent> Sets => _sets;

    public IReadOnlyDictionary<string, RuleList> Lists => _lists;

    /// <summary>Takes what the graph tells at its first flush.</summary>
    /// <returns>What is no set and no list.</returns>
    public ImmutableArray<DataplaneUpdate> Take(CalculationGraph graph)
    {
        var others = ImmutableArray.CreateBuilder<DataplaneUpdate>();
        foreach (var update in graph.Flush())
        {
            switch (update)
            {
                case IpSetUpdate set:
                    _sets[set.Id] = new(set);
                    _setTexts[set.Id] = graph.DescribeSet(set.Id) ?? set.Id;
                    break;
                case RuleListUpdate list:
                    _lists[list.List.Id] = list.List;
                    break;
                default:
                    others.Add(update);
                    break;
            }
        }

        return others.ToImmutable();
    }

    /// <inheritdoc cref="PolicyOracle.Decide(PolicyProgram, in FirstPacket)"/>
    public CompiledRule? Decide(PolicyProgram program, in FirstPacket packet) => _oracle.Decide(program, packet);

    /// <summary>Every tier and profile that is asked, in order, to the rule that decides.</summary>
    public ImmutableArray<ExplainedStep> Explain(PolicyProgram program, in FirstPacket packet)
    {
        var steps = ImmutableArray.CreateBuilder<ExplainedStep>();
        foreach (var tier in program.Tiers)
        {
            steps.Add(Explain($"tier {tier.Name}", [.. tier.Policies.Items.Select(policy => policy.ToString())], tier.List, packet));
            if (!steps[^1].PassesOn)
            {
                return steps.ToImmutable();
            }
        }

        foreach (var list in program.Profiles)
        {
            // Of a host endpoint that cannot be used it is a list of its own.
            var parts = list.Split('/');
            steps.Add(Explain($"{(parts[0] == "host-endpoint" ? "host endpoint" : "profile")} {parts[1]}", [], list, packet));
            if (!steps[^1].PassesOn)
            {
                break;
            }
        }

        return steps.ToImmutable();
    }

    /// <summary>What a rule says, with selectors instead of the ids of IP sets.</summary>
    public string TextOf(CompiledRule rule) => rule.Provenance.IsEndOfTier ? "Deny at the end of the tier"
        : rule.IsEndOfStaged ? $"staged {rule.Provenance.Source}: no rule of it decides"
        : Text($"{(rule.IsStaged ? "staged " : "")}{rule.Action} {rule.Match}", rule.Match);

    private ExplainedStep Explain(string title, ImmutableArray<string> policies, string list, in FirstPacket packet)
    {
        var rules = ImmutableArray.CreateBuilder<ExplainedRule>();
        ResourceKey? decided = null;
        foreach (var rule in _lists.TryGetValue(list, out var known) ? known.Rules.Items : [])
        {
            if (rule.IsStaged && decided == rule.Provenance.Source)
            {
                // It would have decided already.
                continue;
            }

            var (field, isSource) = _oracle.FindMismatch(rule.Match, packet);
            var matches = field == MatchField.None;
            var text = TextOf(rule) + (rule.IsEndOfStaged && known!.WouldDeny ? "; enforced, the end of the tier would deny" : "");
            var whyNot = matches ? "" : Text(Mismatch.Describe(field, isSource, rule.Match, packet), rule.Match);
            rules.Add(new(rule, text, matches, whyNot));
            decided = rule.IsStaged && matches && rule.Action != RuleAction.Log ? rule.Provenance.Source : decided;
            if (matches && rule.Action != RuleAction.Log && !rule.IsStaged)
            {
                return new(title, policies, rules.ToImmutable(), rule.Action == RuleAction.Pass);
            }
        }

        return new(title, policies, rules.ToImmutable(), PassesOn: true);
    }

    /// <summary>People wrote selectors; the kernel has sets. Of all of them a text about a rule names only the rule's.</summary>
    private string Text(string text, RuleMatch match) => match.Source.Sets.Concat(match.Destination.Sets).Distinct()
        .Aggregate(text, (current, set) => _setTexts.TryGetValue(set, out var selector)
            ? current.Replace($"set {set}", $"\"{selector}\"", StringComparison.Ordinal) : current);

    private bool IsMember(string id, IpSetMember member) => _sets.TryGetValue(id, out var set) && set.Has(member);
}
