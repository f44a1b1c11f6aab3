using System.Diagnostics;
using Calico.Plugins.Mesos.V1;
using Grpc.Core;

namespace Calico.SystemTests.Mesos;

/// <summary>Host and agent die, and come back.</summary>
public sealed class RecoveryTests : MesosScene
{
    protected override int Number => 62;

    [Test]
    public async Task M18_a_host_that_was_killed_knows_its_containers_and_their_agent_goes_on()
    {
        var (a, b) = (await StartTaskAsync("kept-a"), await StartTaskAsync("kept-b"));
        var first = await Agent.LaunchAsync(a, new NetworkInfo { Name = "net" });
        await Agent.Isolator.PrepareAsync(new() { ContainerId = PlayedAgent.Id("kept-b"),
            NetworkInfos = { new NetworkInfo { Name = "net" } } });
        await Host.KillCalicoAsync();
        await Host.StartCalicoAsync();
        var second = await Agent.LaunchAsync(b, new NetworkInfo { Name = "net" });
        Assert.That(await b.PingAsync(first), Is.True);
        var status = (await Agent.Isolator.StatusAsync(new() { ContainerId = PlayedAgent.Id("kept-a") })).Status;
        Assert.That((status.NetworkInfos[0].IpAddresses[0].IpAddress, status.Interfaces[0].State), Is.EqualTo((first, "Enforced")));
        Assert.That(second, Is.Not.EqualTo(first));
        await Agent.CleanupAsync("kept-a");
        await Agent.CleanupAsync("kept-b");
    }

    [Test]
    public async Task M18_recover_collects_at_once_what_an_agent_that_was_killed_left()
    {
        var (a, b) = (await StartTaskAsync("left-a"), await StartTaskAsync("left-b"));
        var first = await Agent.LaunchAsync(a, new NetworkInfo { Name = "net" });
        await Agent.LaunchAsync(b, new NetworkInfo { Name = "net" });
        await b.KillAsync();
        var recovered = await Agent.Isolator.RecoverAsync(new()
        {
            Containers = { new RecoverRequest.Types.Container { ContainerId = PlayedAgent.Id("left-a") } },
        });
        Assert.That(recovered.Adopted.Select(s => s.ContainerId.Value), Is.EqualTo(new[] { "left-a" }));
        Assert.That(recovered.Collected.Select(c => c.Value), Is.EqualTo(new[] { "left-b" }));
        Assert.That(await ReachesAsync(first), Is.True);
        await Agent.CleanupAsync("left-a");
    }

    [Test]
    public async Task M18_tasks_that_died_with_an_agent_of_net_modules_are_forgotten_with_their_addresses()
    {
        var task = await StartTaskAsync("forgotten");
        await Agent.LaunchByNetModulesAsync(task, "one");
        await task.KillAsync();
        await UntilAsync(async () => (await Host.CalicoctlAsync("get workloadendpoints -A"))
            .Output.Contains("forgotten", StringComparison.Ordinal) is false,
            "the endpoint of a task that died goes");
    }

    [Test]
    public async Task M18_a_watch_ends_with_unavailable_when_the_host_stops_and_calico_mesos_says_try_again()
    {
        var task = await StartTaskAsync("watched");
        var address = await Agent.LaunchAsync(task, new NetworkInfo { Name = "net" });
        using var watch = Agent.Isolator.Watch(new() { ContainerId = PlayedAgent.Id("watched") });
        var next = watch.ResponseStream.MoveNext(CancellationToken.None);
        await Host.StopCalicoAsync();
        try
        {
            await next;
            Assert.Fail("the stream ended well");
        }
        catch (RpcException e)
        {
            Assert.That(e.StatusCode, Is.EqualTo(StatusCode.Unavailable), e.Status.Detail);
        }

        var clock = Stopwatch.StartNew();
        var reply = await Agent.NetModulesAsync("""{"command":"cleanup","args":{"hostname":"h","container_id":"watched"}}""",
            mayFail: true);
        Assert.That((string)reply["error"]!, Does.StartWith("the Calico host does not answer; try again later"));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(15)));
        Assert.That(await ReachesAsync(address), Is.True, "the network of a task goes on");
        await Host.StartCalicoAsync();
        await Agent.CleanupAsync("watched");
    }

    /// <summary>Crashes of agent, tasks and host at random moments: nothing is leaked.</summary>
    [TestCase(200, Category = "long")]
    [TestCase(20)]
    public async Task M18_containers_through_their_lives_with_crashes_leave_nothing(int containers)
    {
        var seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var live = new List<(PlayedTask Task, string Address)>();
        for (var i = 0; i < containers; i++)
        {
            var task = await StartTaskAsync($"churn-{i}");
            try
            {
                if (random.Next(8) == 0)
                {
                    // In the middle of the call.
                    var launching = Agent.LaunchAsync(task, new NetworkInfo { Name = "net" });
                    await Host.KillCalicoAsync();
                    await Host.StartCalicoAsync();
                    live.Add((task, await launching));
                }
                else
                {
                    live.Add((task, await Agent.LaunchAsync(task, new NetworkInfo { Name = "net" })));
                }
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Internal)
            {
                // What an agent does with a container that could not be launched: nothing, if it dies too.
                if (random.Next(2) == 0)
                {
                    await Agent.CleanupAsync(task.Id);
                }
            }

            if (live.Count > 4)
            {
                var (ended, _) = live[random.Next(live.Count)];
                live.RemoveAll(l => l.Task == ended);
                await ended.KillAsync();
                if (random.Next(3) > 0)
                {
                    await Agent.CleanupAsync(ended.Id);
                }
            }

            if (random.Next(10) == 0)
            {
                // The agent dies, and comes back with what lives.
                await RecoverAsync(live);
            }
        }

        await RecoverAsync(live);
        Assert.That(live.Select(l => l.Address).Distinct().Count(), Is.EqualTo(live.Count), "no address twice");
        foreach (var (task, address) in live)
        {
            Assert.That(await ReachesAsync(address), Is.True, task.Id);
            await Agent.CleanupAsync(task.Id);
        }
    }

    private async Task<bool> ReachesAsync(string address) =>
        (await Host.RunAsync(["/bin/busybox", "ping", "-c", "1", "-W", "1", address])).ExitCode == 0;

    private async Task RecoverAsync(List<(PlayedTask Task, string Address)> live)
    {
        var containers = live.Select(l => new RecoverRequest.Types.Container { ContainerId = PlayedAgent.Id(l.Task.Id) });
        var recovered = await Agent.Isolator.RecoverAsync(new() { Containers = { containers } });
        Assert.That(recovered.Adopted.Select(a => a.ContainerId.Value), Is.EquivalentTo(live.Select(l => l.Task.Id)));
    }
}
