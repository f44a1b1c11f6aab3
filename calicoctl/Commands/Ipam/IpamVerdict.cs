using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Calico.Cli.Output;
using Calico.Datastore.Output;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary>What <c>ipam check</c> found, for people and programs: the verdict first, then what it is about, then what was fine.</summary>
/// <param name="Findings">What does not agree, by the store.</param>
/// <param name="Host">What this machine's host says of itself, a line each.</param>
/// <param name="HostAway">Why it was not asked; null: it was.</param>
/// <param name="Counts">What was looked at: things and their number.</param>
internal sealed record IpamVerdict(ImmutableArray<AuditFinding> Findings, IReadOnlyList<string> Host, string? HostAway,
    ImmutableArray<(string Thing, int Number)> Counts)
{
    private static readonly string[] Areas = ["addresses", "handles", "affinities", "values"];

    /// <summary>How many things do not agree. An address in no pool is what a pool's deletion leaves, and is only told.</summary>
    internal int Problems => Findings.Count(finding => finding.Problem != AuditProblem.OutsidePools) + Host.Count;

    internal void Write(TextWriter output)
    {
        output.WriteLine($"{(Problems == 0 ? "no problem" : Problems == 1 ? "1 problem" : $"{Problems} problems")} in "
            + string.Join(", ", Counts.Select(count => $"{count.Number} {count.Thing}{(count.Number == 1 ? "" : "s")}")));
        foreach (var finding in Findings)
        {
            output.WriteLine($"  {finding.Subject,-16} {EscapingWriter.Line(finding.Detail)}{(finding.Problem == AuditProblem.OutsidePools ? " (no problem by itself)" : "")}");
            if (finding.Address is { } address)
            {
                output.WriteLine($"  {"",-16} calicoctl ipam who {address}");
            }
        }

        foreach (var line in Host)
        {
            output.WriteLine($"  {"this host",-16} {EscapingWriter.Line(line)}");
        }

        var bad = Findings.Select(finding => Area(finding.Problem)).ToHashSet(StringComparer.Ordinal);
        var fine = Areas.Where(area => !bad.Contains(area))
            .Concat(HostAway is null && Host.Count == 0 ? ["this host's kernel and leases"] : []).ToArray();
        if (fine.Length > 0)
        {
            output.WriteLine($"fine: {string.Join(", ", fine)}   (--verbose for each step)");
        }

        if (HostAway is not null)
        {
            output.WriteLine($"only the datastore was checked: {HostAway}");
        }
    }

    internal void WriteJson(TextWriter output) => JsonOutput.Write(output, "AddressCheck", new()
    {
        ["problems"] = Problems,
        ["findings"] = new JsonArray([.. Findings.Select(finding => (JsonNode)new JsonObject
        {
            ["problem"] = finding.Problem.ToString(), ["subject"] = finding.Subject, ["detail"] = finding.Detail,
                ["address"] = finding.Address?.ToString(),
        })]),
        ["host"] = JsonOutput.Texts(Host),
        ["hostAway"] = HostAway,
        ["looked"] = new JsonObject(Counts.Select(count => KeyValuePair.Create(count.Thing, (JsonNode?)count.Number))),
    });

    private static string Area(AuditProblem problem) => problem switch
    {
        AuditProblem.HandleDisagrees => "handles",
        AuditProblem.AffinityDisagrees => "affinities",
        AuditProblem.BlockDamaged => "values",
        _ => "addresses",
    };
}
