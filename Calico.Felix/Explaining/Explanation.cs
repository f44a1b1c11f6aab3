using System.Collections.Immutable;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>What becomes of the first packet of a connection and of its answer, and why.</summary>
/// <param name="Allowed">Whether everybody on the way lets them pass.</param>
/// <param name="Directions">Everybody who is asked, in the packet's order: the sender's egress, the sender's host where it leaves it, the
/// receiver's host where it comes in, the receiver's ingress; then those who are asked about the answer. The receiver's end is told also
/// when the sender's denies: it is what would come next.</param>
public sealed record Explanation(bool Allowed, ImmutableArray<DirectionExplanation> Directions)
{
    /// <summary>Why nobody is asked who might have been.</summary>
    public ImmutableArray<string> Unjudged { get; init; } = [];
}

/// <summary>What one place on the way does.</summary>
/// <param name="Direction">Seen from the endpoint.</param>
/// <param name="Allowed">Whether it lets the packet pass.</param>
/// <param name="Steps">What is asked, in order; nothing after the rule that decides.</param>
public sealed record DirectionExplanation(PolicyDirection Direction, bool Allowed, ImmutableArray<ExplainedStep> Steps)
{
    /// <summary>Whose policy: a workload endpoint or a host endpoint; no name: a setting of the host.</summary>
    public required ResourceKey Judge { get; init; }

    /// <summary>Of a host: which, and the interface that the packet passes; null: a workload's.</summary>
    public HostPassage? Host { get; init; }

    /// <summary>Which traffic is judged.</summary>
    public PolicyStage Stage { get; init; }

    /// <summary>The packet is the answer to the first.</summary>
    public bool IsAnswer { get; init; }

    /// <summary>What decides where no rule does: a failsafe port, a setting, that it goes on; empty: a rule, or that no profile
    /// allows it.</summary>
    public string Because { get; init; } = "";

    /// <summary>The rule that decided; null: none did.</summary>
    public CompiledRule? DecidedBy => Steps.SelectMany(step => step.Rules)
        .Where(rule => rule is { Matches: true, Rule: { IsStaged: false, Action: RuleAction.Allow or RuleAction.Deny } })
        .Select(rule => rule.Rule).LastOrDefault();

    /// <summary>What steps come to; null: no rule decides.</summary>
    internal static bool? Verdict(ImmutableArray<ExplainedStep> steps) =>
        steps is [.., { PassesOn: false, Rules: [.., var last] }] ? last.Rule.Action == RuleAction.Allow : null;
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
