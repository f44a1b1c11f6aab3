using System.Collections.Immutable;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>What becomes of the first packet of a connection, and why.</summary>
/// <param name="Allowed">Whether both ends let it pass.</param>
/// <param name="Directions">The sender's egress, then the receiver's ingress; only of ends that are workloads. The receiver's is told also
/// when the sender's denies: it is what would come next.</param>
public sealed record Explanation(bool Allowed, ImmutableArray<DirectionExplanation> Directions);

/// <summary>What one end does.</summary>
/// <param name="Direction">Seen from the endpoint.</param>
/// <param name="Allowed">Whether it lets the packet pass.</param>
/// <param name="Steps">What is asked, in order; nothing after the rule that decides.</param>
public sealed record DirectionExplanation(PolicyDirection Direction, bool Allowed, ImmutableArray<ExplainedStep> Steps)
{
    /// <summary>The rule that decided; null: none did, and no profile allows it.</summary>
    public CompiledRule? DecidedBy => Steps.SelectMany(step => step.Rules)
        .Where(rule => rule is { Matches: true, Rule: { IsStaged: false, Action: RuleAction.Allow or RuleAction.Deny } })
        .Select(rule => rule.Rule).LastOrDefault();
}

/// <summary>A tier or a profile that was asked.</summary>
/// <param name="Title"><c>tier default</c>, <c>profile blue</c>.</param>
/// <param name="Policies">Of the tier, in order; empty for a profile.</param>
/// <param name="Rules">Those that were asked, in order.</param>
/// <param name="PassesOn">It decided nothing, and what comes next is asked.</param>
public sealed record ExplainedStep(string Title, ImmutableArray<string> Policies, ImmutableArray<ExplainedRule> Rules, bool PassesOn);

/// <summary>A rule that was asked.</summary>
/// <param name="Rule">As compiled.</param>
/// <param name="Text">Action and match, with selectors instead of the ids of IP sets.</param>
/// <param name="Matches">Whether the packet meets it.</param>
/// <param name="WhyNot">What it does not meet first; empty where it matches.</param>
public sealed record ExplainedRule(CompiledRule Rule, string Text, bool Matches, string WhyNot);
