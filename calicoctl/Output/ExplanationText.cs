using System.Globalization;
using System.Text.Json.Nodes;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;

namespace Calico.Cli.Output;

/// <summary>An explanation for people and for programs.</summary>
internal sealed class ExplanationText(Explanation explanation, ExplainedEnd from, ExplainedEnd to)
{
    private const int RuleWidth = 56;

    internal void Write(TextWriter output)
    {
        output.WriteLine(Verdict());
        foreach (var direction in explanation.Directions)
        {
            output.WriteLine($"  {End(direction)} {Word(direction)}");
            foreach (var step in direction.Steps)
            {
                output.WriteLine($"    {step.Title}{(step.Policies.IsEmpty ? "" : $": {string.Join(", ", step.Policies)}")}");
                foreach (var rule in step.Rules)
                {
                    output.WriteLine($"      {RuleText(rule).PadRight(RuleWidth)}  {Outcome(rule)}");
                }

                if (step.Rules.IsEmpty)
                {
                    output.WriteLine("      no rules");
                }
            }

            if (direction.DecidedBy is null)
            {
                output.WriteLine($"    {"no profile allows it".PadRight(RuleWidth + 2)}  <-- denied here");
            }
        }

        if (explanation.Directions.IsEmpty)
        {
            output.WriteLine("  neither end is a workload: no policy of a workload is asked");
        }
    }

    internal JsonObject ToJson(long revision) => new()
    {
        ["revision"] = revision,
        ["allowed"] = explanation.Allowed,
        ["from"] = Json(from),
        ["to"] = Json(to),
        ["directions"] = new JsonArray([.. explanation.Directions.Select(direction => (JsonNode?)new JsonObject
        {
            ["direction"] = Word(direction),
            ["allowed"] = direction.Allowed,
            ["decidedBy"] = direction.DecidedBy?.Provenance.ToString() ?? "no profile allows it",
            ["steps"] = new JsonArray([.. direction.Steps.Select(step => (JsonNode?)new JsonObject
            {
                ["asked"] = step.Title,
                ["policies"] = JsonOutput.Texts(step.Policies),
                ["rules"] = new JsonArray([.. step.Rules.Select(rule => (JsonNode?)new JsonObject
                {
                    ["source"] = rule.Rule.Provenance.ToString(),
                    ["action"] = rule.Rule.Action.ToString(),
                    ["rule"] = rule.Text,
                    ["staged"] = rule.Rule.IsStaged,
                    ["matches"] = rule.Matches,
                    ["whyNot"] = rule.WhyNot,
                })]),
            })]),
        })]),
    };

    private string Verdict()
    {
        if (explanation.Allowed)
        {
            return $"ALLOWED  {from} -> {to}";
        }

        var denying = explanation.Directions.First(direction => !direction.Allowed);
        return $"DENIED at {End(denying)}'s {Word(denying)}: {denying.DecidedBy?.Provenance.ToString() ?? "no profile allows it"}";
    }

    private ExplainedEnd End(DirectionExplanation direction) => direction.Direction == PolicyDirection.Egress ? from : to;

    private static string Word(DirectionExplanation direction) => direction.Direction == PolicyDirection.Egress ? "egress" : "ingress";

    private static string RuleText(ExplainedRule rule) => rule.Rule.Provenance is { IsEndOfTier: false, RuleIndex: >= 0 } provenance
        ? string.Create(CultureInfo.InvariantCulture, $"{provenance.Source} rule {provenance.RuleIndex}: {rule.Text}")
        : rule.Rule.Provenance.Note.Length > 0 ? $"{rule.Rule.Provenance}" : rule.Text;

    private static string Outcome(ExplainedRule rule) => !rule.Matches ? $"no: {rule.WhyNot}"
        : rule.Rule.IsEndOfStaged ? "staged: decides nothing"
        : rule.Rule.IsStaged ? $"staged: {Would(rule.Rule.Action)}, decides nothing"
        : Outcome(rule.Rule.Action);

    private static string Would(RuleAction action) => action switch
    {
        RuleAction.Allow => "would allow",
        RuleAction.Deny => "would deny",
        RuleAction.Pass => "would skip the rest of the tier",
        _ => "would log",
    };

    private static string Outcome(RuleAction action) => action switch
    {
        RuleAction.Allow => "<-- allowed here",
        RuleAction.Deny => "<-- denied here",
        RuleAction.Pass => "matches: the rest of the tier is skipped",
        _ => "matches: logged",
    };

    private static JsonObject Json(ExplainedEnd end) => new()
    {
        ["endpoint"] = end.Peer.Endpoint?.ToString(),
        ["name"] = end.Name,
        ["address"] = end.Peer.Address.ToShortString(),
    };
}
