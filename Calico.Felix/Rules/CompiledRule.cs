namespace Calico.Felix.Rules;

/// <summary>A rule, ready to be rendered or asked.</summary>
public sealed record CompiledRule(RuleMatch Match, RuleAction Action, Provenance Provenance)
{
    public override string ToString() => $"{Action} {Match}    # {Provenance}";
}
