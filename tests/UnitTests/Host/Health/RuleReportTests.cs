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
        new(new(Kinds.GlobalNetworkPolicy.Key(name), "default", rule, "7") { Direction = direction }, packets);

    [Test]
    public void Rules_stand_by_policy_direction_and_place() => Assert.That(
        RuleReports.List([Count("b", 0, PolicyDirection.Ingress, 1), Count("a", 1, PolicyDirection.Ingress, 2),
            Count("a", 0, PolicyDirection.Ingress, 3),
            Count("a", 7, PolicyDirection.Egress, 4)]).Select(r => $"{r.Policy} {r.Tier} {r.Direction} {r.Rule} {r.Packets}"),
        Is.EqualTo(new[]
        {
            "GlobalNetworkPolicy(a) default egress 7 4", "GlobalNetworkPolicy(a) default ingress 0 3",
            "GlobalNetworkPolicy(a) default ingress 1 2", "GlobalNetworkPolicy(b) default ingress 0 1",
        }));

    [Test]
    public async Task Metrics_have_the_sum_of_a_policy_and_nothing_of_a_loop_that_does_not_answer()
    {
        using var meters = new HostMeters(NullLogger<HostMeters>.Instance);
        var answers = true;
        _ = new RuleReports(_ => answers
            ? Task.FromResult<System.Collections.Immutable.ImmutableArray<RuleCount>>(
                [Count("a", 0, PolicyDirection.Ingress, 3), Count("a", 1, PolicyDirection.Ingress, 4)])
            : throw new CalicoException(Problem.Unavailable, "away"), meters);
        Assert.That(await meters.WriteAsync(CancellationToken.None), Does.Contain(
            """calico_policy_packets_total{kind="GlobalNetworkPolicy",namespace="",name="a",direction="ingress"} 7"""));
        answers = false;
        Assert.That(await meters.WriteAsync(CancellationToken.None), Does.Not.Contain("calico_policy_packets_total{"));
    }
}
