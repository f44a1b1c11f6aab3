using System.Collections.Immutable;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Felix.Rules;
using Calico.Host.Health;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Health;

/// <summary>What rules counted, in the answer and in the metrics.</summary>
public sealed class RuleReportTests
{
    private static RuleCount Count(string name, int rule, PolicyDirection direction, long packets) =>
        new(new(Kinds.GlobalNetworkPolicy.Key(name), "default", rule, "7") { Direction = direction }, packets, packets * 60);

    [Test]
    public void Rules_stand_by_policy_direction_and_place() => Assert.That(
        RuleReports.List([Count("b", 0, PolicyDirection.Ingress, 1), Count("a", 1, PolicyDirection.Ingress, 2),
            Count("a", 0, PolicyDirection.Ingress, 3),
            Count("a", 7, PolicyDirection.Egress, 4)]).Select(r => $"{r.Policy} {r.Tier} {r.Direction} {r.Rule} {r.Packets} {r.Bytes}"),
        Is.EqualTo(new[]
        {
            "GlobalNetworkPolicy(a) default egress 7 4 240", "GlobalNetworkPolicy(a) default ingress 0 3 180",
            "GlobalNetworkPolicy(a) default ingress 1 2 120", "GlobalNetworkPolicy(b) default ingress 0 1 60",
        }));

    [Test]
    public async Task Metrics_have_the_sum_of_a_policy_and_nothing_of_a_loop_that_does_not_answer()
    {
        using var meters = new HostMeters(NullLogger<HostMeters>.Instance);
        var answers = true;
        var counters = new KernelCounters(_ => answers
            ? Task.FromResult(CounterReport.Empty with { Rules = [Count("a", 0, PolicyDirection.Ingress, 3),
                Count("a", 1, PolicyDirection.Ingress, 4)] })
            : throw new CalicoException(Problem.Unavailable, "away"), meters);
        _ = new RuleReports(counters, meters);
        Assert.That(await meters.WriteAsync(CancellationToken.None), Does.Contain(
            """calico_policy_packets_total{kind="GlobalNetworkPolicy",namespace="",name="a",direction="ingress"} 7"""));
        answers = false;
        Assert.That(await meters.WriteAsync(CancellationToken.None), Does.Not.Contain("calico_policy_packets_total{"));
    }

    [Test]
    public async Task A_scrape_asks_the_kernel_once_for_all_that_it_shows()
    {
        using var meters = new HostMeters(NullLogger<HostMeters>.Instance);
        var asked = 0;
        var counters = new KernelCounters(_ =>
        {
            asked++;
            return Task.FromResult(new CounterReport(ImmutableSortedDictionary<string, long>.Empty.Add("martian", 5),
                [Count("a", 0, PolicyDirection.Ingress, 3)]));
        }, meters);
        _ = new KernelHealth(() => DataplaneStatus.Initial, counters, new(), meters, TimeProvider.System);
        _ = new RuleReports(counters, meters);
        Assert.That(await meters.WriteAsync(CancellationToken.None),
            Does.Contain("calico_dropped_packets_total{reason=\"martian\"} 5\n").And.Contain("calico_policy_packets_total{"));
        Assert.That(asked, Is.EqualTo(1));
    }
}
