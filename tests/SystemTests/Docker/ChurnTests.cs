using Calico.TestKit;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary>dockerd, the host, or both die while containers come and go.</summary>
[TestFixture, Parallelizable]
public sealed class ChurnTests : DockerScene
{
    [TestCase(10)]
    [TestCase(200, Category = "long")]
    public async Task Whoever_is_killed_meanwhile_nothing_is_left_and_the_next_container_runs(int rounds)
    {
        var random = new Random(Seed.Next());
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        for (var round = 0; round < rounds; round++)
        {
            var churn = Task.WhenAll(Enumerable.Range(0, 3).Select(n => TryLifeAsync($"r{round}n{n}")));
            await Task.Delay(random.Next(50, 1200));
            var victim = random.Next(3);
            if (victim != 1)
            {
                await Docker.StopDaemonAsync("KILL");
            }

            if (victim != 0)
            {
                await Docker.Host.KillCalicoAsync();
                await Docker.Host.StartCalicoAsync();
            }

            if (victim != 1)
            {
                await Docker.StartDaemonAsync();
            }

            await churn;
            await Docker.DockerAsync("ps -aq | xargs -r /usr/bin/docker -H unix:///run/docker.sock rm -f");
        }

        await Docker.RunAsync("last", "blue");
        Assert.That(await Docker.PingFromHostAsync(await Docker.AddressInAsync("last", "blue")), Is.True);
    }

    /// <summary>What of it fails is whoever was killed.</summary>
    private async Task TryLifeAsync(string name)
    {
        await Docker.TryDockerAsync($"run -d --name {name} --network blue {BusyboxImage.Name} /bin/sleep 1000");
        await Docker.TryDockerAsync($"stop -t 0 {name}");
        await Docker.TryDockerAsync($"rm -f {name}");
    }
}
