using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using Calico.Dataplane;
using Calico.Felix.Rules;

namespace Calico.Host.Health;

/// <summary>How many packets met each rule of this node's endpoints, for those who look: <c>/rules</c>, and by policy in the
/// meter.</summary>
internal sealed class RuleReports : IControlRoutes
{
    private readonly KernelCounters _counters;

    /// <param name="counters">Have what was counted.</param>
    /// <param name="meters">Collect its meter.</param>
    public RuleReports(KernelCounters counters, HostMeters meters)
    {
        _counters = counters;
        meters.Create("Calico.Rules").CreateObservableCounter("calico_policy_packets_total", ByPolicy, null,
            "Packets that met a rule of a policy or profile; of staged ones, would have.");
    }

    public void Map(ControlRoutes routes) => routes.MapGet("/rules", async context =>
        await ControlApi.WriteAsync(context, List((await _counters.ReadAsync(context.RequestAborted)).Rules),
            StatusJson.Default.ImmutableArrayRuleReport));

    /// <summary>By resource, direction and place.</summary>
    internal static ImmutableArray<RuleReport> List(ImmutableArray<RuleCount> counts) =>
    [
        .. counts.Select(count =>
            new RuleReport(count.Rule.Source.ToString(), count.Rule.Tier, Word(count.Rule), count.Rule.RuleIndex, count.Packets,
                count.Bytes))
            .OrderBy(report => report.Policy, StringComparer.Ordinal).ThenBy(report => report.Direction, StringComparer.Ordinal)
            .ThenBy(report => report.Rule),
    ];

    private static string Word(Provenance rule) => rule.Direction == PolicyDirection.Egress ? "egress" : "ingress";

    private IEnumerable<Measurement<long>> ByPolicy() => _counters.Collected.Rules
        .GroupBy(count => (count.Rule.Source, Direction: Word(count.Rule)))
        .Select(policy => new Measurement<long>(policy.Sum(count => count.Packets),
            new KeyValuePair<string, object?>("kind", policy.Key.Source.Kind),
            new KeyValuePair<string, object?>("namespace", policy.Key.Source.Namespace),
            new KeyValuePair<string, object?>("name", policy.Key.Source.Name),
            new KeyValuePair<string, object?>("direction", policy.Key.Direction)));
}

/// <summary>A rule that counts, one of the answer to <c>GET /rules</c>.</summary>
/// <param name="Policy">The policy or profile.</param>
/// <param name="Tier">Of the policy; empty for a profile.</param>
/// <param name="Direction">ingress or egress.</param>
/// <param name="Rule">From 0; -1: the whole: of a staged policy, what none of its rules matched.</param>
/// <param name="Packets">That met it; of a staged policy, would have.</param>
/// <param name="Bytes">Of those packets.</param>
internal sealed record RuleReport(string Policy, string Tier, string Direction, int Rule, long Packets, long Bytes);
