using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Health;

/// <summary>How long changes of the store take to be enforced.</summary>
public sealed class PolicyLatencyTests
{
    [Test]
    public async Task A_change_is_measured_when_its_revision_is_enforced_and_the_first_list_is_none()
    {
        using var meters = new HostMeters(NullLogger<HostMeters>.Instance);
        var time = new ManualTime();
        var latency = new PolicyLatency(meters, time);
        latency.Accept(Batch(5), SyncStatus.Resync);
        latency.Accept(Batch(6), SyncStatus.InSync);
        latency.Accept(new(SyncStatus.InSync, 7, []), SyncStatus.InSync);
        time.Advance(TimeSpan.FromMilliseconds(40));
        latency.Note(5);
        Assert.That(await meters.WriteAsync(default), Does.Not.Contain("calico_policy_latency_seconds_count"), "it is not in force yet");
        time.Advance(TimeSpan.FromMilliseconds(20));
        latency.Note(7);
        latency.Note(7);
        var text = await meters.WriteAsync(default);
        Assert.That(text, Does.Contain("calico_policy_latency_seconds_count 1\n").And.Contain("calico_policy_latency_seconds_sum 0.06\n")
            .And.Contain("calico_policy_latency_seconds_bucket{le=\"0.05\"} 0\n")
            .And.Contain("calico_policy_latency_seconds_bucket{le=\"0.1\"} 1\n"));
    }

    [Test]
    public async Task While_nothing_is_enforced_no_more_wait_than_are_kept()
    {
        using var meters = new HostMeters(NullLogger<HostMeters>.Instance);
        var latency = new PolicyLatency(meters, new ManualTime());
        for (var revision = 1; revision <= PolicyLatency.MaxWaiting + 5; revision++)
        {
            latency.Accept(Batch(revision), SyncStatus.InSync);
        }

        latency.Note(long.MaxValue);
        Assert.That(await meters.WriteAsync(default), Does.Contain($"calico_policy_latency_seconds_count {PolicyLatency.MaxWaiting}\n"));
    }

    private static SyncBatch Batch(long revision) => new(SyncStatus.InSync, revision, [new(Kinds.Tier.Key("t"), null)]);
}
