using System.Globalization;
using System.Text.Json.Nodes;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;

namespace Calico.Cli.Output;

/// <summary>An explanation for people and for programs.</summary>
internal sealed class ExplanationText(Explanation explanation, ExplainedEnd from, ExplainedEnd to, IReadOnlyList<string> assumed,
    IReadOnlyList<LiveVerdict> live)
{
    private const int RuleWidth = 56;

    internal void Write(TextWriter output)
    {
        output.WriteLine(Verdict());
        foreach (var text in assumed)
        {
            output.WriteLine($"  assumed: {text}");
        }

        foreach (var place in explanation.Directions)
        {
            output.WriteLine($"  {(place.IsAnswer ? "answer: " : "")}{Title(place)}");
            foreach (var step in place.Steps)
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

            if (place.DecidedBy is null)
            {
                var mark = !place.Allowed ? "<-- denied here" : place.Stage == PolicyStage.Normal ? "<-- allowed here" : "";
                output.WriteLine($"    {Reason(place).PadRight(RuleWidth + 2)}  {mark}".TrimEnd());
            }
        }

        foreach (var text in explanation.Unjudged)
        {
            output.WriteLine($"  {text}");
        }

        foreach (var verdict in live)
        {
            output.WriteLine($"  live: {verdict.Who}: {verdict.Text}");
        }

        if (explanation.Directions.IsEmpty && explanation.Unjudged.IsEmpty)
        {
            output.WriteLine("  neither end is a workload or a known host: no policy is asked");
        }
    }

    internal JsonObject ToJson(long revision) => new()
    {
        ["revision"] = revision,
        ["allowed"] = explanation.Allowed,
        ["from"] = Json(from),
        ["to"] = Json(to),
        ["assumed"] = JsonOutput.Texts(assumed),
        ["unjudged"] = JsonOutput.Texts(explanation.Unjudged),
        ["live"] = new JsonArray([.. live.Select(verdict => (JsonNode?)new JsonObject
        {
            ["who"] = verdict.Who, ["holds"] = verdict.Holds, ["text"] = verdict.Text,
        })]),
        ["directions"] = new JsonArray([.. explanation.Directions.Select(place => (JsonNode?)new JsonObject
        {
            ["direction"] = Word(place),
            ["allowed"] = place.Allowed,
            ["decidedBy"] = place.DecidedBy?.Provenance.ToString() ?? Reason(place),
            ["judge"] = place.Judge.Name is null or "" ? null : place.Judge.ToString(),
            ["node"] = place.Host?.Policy.Node,
            ["interface"] = place.Host is { } host ? host.Policy.Describe(host.InterfaceName) : null,
            ["stage"] = place.Stage.ToString(),
            ["answer"] = place.IsAnswer,
            ["steps"] = new JsonArray([.. place.Steps.Select(step => (JsonNode?)new JsonObject
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

        var denying = explanation.Directions.First(place => !place.Allowed);
        return $"DENIED at {Owner(denying)}'s {Word(denying)}{StageOf(denying)}{(denying.IsAnswer ? ", of the answer" : "")}: "
            + (denying.DecidedBy?.Provenance.ToString() ?? Reason(denying));
    }

    private string Title(DirectionExplanation place) => place.Host is null || place.Judge.Name is null or ""
        ? $"{Owner(place)} {Word(place)}" : $"{Owner(place)} {Word(place)}{StageOf(place)}: {place.Judge}";

    /// <summary>Whose it is: an end, or the interface of a host.</summary>
    private string Owner(DirectionExplanation place) => place.Host is { } host
        ? $"host {host.Policy.Node}{(place.Judge.Name is null or "" ? "" : $" {host.Policy.Describe(host.InterfaceName)}")}"
        : $"{((place.Direction == PolicyDirection.Egress) != place.IsAnswer ? from : to)}";

    private static string StageOf(DirectionExplanation place) => place.Stage switch
    {
        PolicyStage.Untracked => ", untracked",
        PolicyStage.PreDnat => ", before destination NAT",
        PolicyStage.Forward => ", forwarded",
        _ => "",
    };

    private static string Reason(DirectionExplanation place) => place.Because.Length > 0 ? place.Because : "no profile allows it";

    private static string Word(DirectionExplanation place) => place.Direction == PolicyDirection.Egress ? "egress" : "ingress";

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
        ["node"] = end.Peer.Host?.Policy.Node,
        ["name"] = end.Name,
        ["address"] = end.Peer.Address.ToShortString(),
    };
}
