namespace Calico.Felix.Rules;

/// <summary>Rules that are asked in order until one decides; shared by all endpoints to which they apply. Its end, like Pass, leads to
/// the endpoint's next list.</summary>
/// <param name="Id">Stable while the rules change: <c>profile/NAME/ingress</c>.</param>
/// <param name="Rules">First match decides.</param>
public sealed record RuleList(string Id, EquatableArray<CompiledRule> Rules)
{
    /// <summary>What its rules judge, and so what allowing is there.</summary>
    public PolicyStage Stage { get; init; }

    /// <summary>All its policies are staged, and were one of them enforced, the end of its tier would deny what none of its rules
    /// decides.</summary>
    public bool WouldDeny { get; init; }

    /// <summary>The IP sets that must exist before it.</summary>
    public IEnumerable<string> Sets => Rules.Items.SelectMany(r => r.Match.Source.Sets.Concat(r.Match.Destination.Sets));

    /// <summary>One line a rule.</summary>
    public string ToText() => string.Join('\n', Rules.Items);
}
