using System.Net;
using Calico.Host.Health;
using Calico.Host.Stages;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Row B1 of issue 13: nobody's loop ends by somebody else's cancellation.</summary>
[TestFixture]
public sealed class UpkeepTests
{
    [Test]
    public async Task B1_a_step_that_fails_in_any_way_is_said_and_the_others_have_their_turn()
    {
        var health = new HealthBoard();
        var round = new UpkeepRound(health, NullLogger.Instance);
        var done = new List<int>();
        await round.RunAsync("upkeep", CancellationToken.None,
            () => throw new OperationCanceledException(),
            () => Task.FromException(new CalicoException(Problem.Unavailable, "the store is away")),
            () => throw new InvalidOperationException("a defect"),
            () =>
            {
                done.Add(4);
                return Task.CompletedTask;
            });
        Assert.That(done, Is.EqualTo(new[] { 4 }));
        Assert.That(health.Lines.Single(),
            Is.EqualTo(new HealthLine("host", "upkeep", false, "a step was not done in its time; the store is away; a defect", false)));
        await round.RunAsync("upkeep", CancellationToken.None, () => Task.CompletedTask);
        Assert.That(health.Lines.Single().Ok, Is.True);
    }

    [Test]
    public void B1_the_owners_token_ends_a_round()
    {
        using var stop = new CancellationTokenSource();
        var round = new UpkeepRound(new HealthBoard(), NullLogger.Instance);
        Assert.That(async () => await round.RunAsync("upkeep", stop.Token, () =>
        {
            stop.Cancel();
            return Task.CompletedTask;
        }, () => throw new AssertionException("a step after the end")), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task B1_a_removal_whose_own_time_ends_is_no_cancellation_of_its_caller([Values("withdraw", "unwire")] string step)
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        var id = new WorkloadEndpointId("cni", "c1", "eth0");
        await host.Network.ConnectAsync(new() { Id = id, Instance = "c1", Profiles = [], Unmanaged = [IPNetwork.Parse("192.0.2.7/32")] },
            Placement.In(host.CreateNamespace(), "eth0"), CancellationToken.None);
        // As when the kernel's side is given ten seconds and needs more.
        host.Kernel.At = s => s == step ? throw new OperationCanceledException() : Task.CompletedTask;
        var error = await Assert.ThrowsAsync<CalicoException>(() => host.Network.DisconnectAsync(id, "c1", CancellationToken.None));
        Assert.That((error!.Problem, error.Message), Is.EqualTo(
            (Problem.Unavailable, $"the removal of {id} failed: the kernel or the store was not done within 10 s; it is tried again")));
        host.Kernel.At = null;
        await host.Network.DisconnectAsync(id, "c1", CancellationToken.None);
        Assert.That(await host.LeftNowAsync(), Is.Empty);
    }
}
