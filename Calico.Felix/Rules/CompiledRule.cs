namespace Calico.Felix.Rules;

/// <summary>A rule, ready to be rendered or asked.</summary>
public sealed record CompiledRule(RuleMatch Match, RuleAction Action, Provenance Provenance)
{
    /// <summary>Of a staged policy: what it would decide is counted, and the next policy is asked.</summary>
    public bool IsStaged { get; init; }

    /// <summary>Of a staged policy: none of its rules matches, so what follows it decides as if it were not there.</summary>
    public bool IsEndOfStaged => IsStaged && Action == RuleAction.Pass && Provenance.RuleIndex < 0;

    public override string ToString() => $"{(IsStaged ? "staged " : "")}{Action} {Match}    # {Provenance}";
}
