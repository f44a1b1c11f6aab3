using System.Diagnostics;
using System.Text.RegularExpressions;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary>A host with Docker for all tests of a class, clean again after each.</summary>
public abstract class DockerScene
{
    protected DockerHost Docker { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if ((TestHost.WhyNot ?? (File.Exists("/usr/sbin/dockerd") ? null : "dockerd is not installed")) is { } reason)
        {
            Assert.Ignore(reason);
        }

        Docker = await DockerHost.StartAsync(PrepareAsync);
    }

    /// <summary>Before calico-host is started.</summary>
    protected virtual Task PrepareAsync(TestHost host) => Task.CompletedTask;

    [OneTimeTearDown]
    public virtual async Task EndAsync()
    {
        if (Docker is not null)
        {
            await Docker.DisposeAsync();
        }
    }

    [TearDown]
    public async Task RemoveAllAsync()
    {
        await Docker.DockerAsync("ps -aq | xargs -r /usr/bin/docker -H unix:///run/docker.sock rm -f");
        await Docker.DockerAsync("network prune -f");
        await RemoveNetworksAsync();
        var left = await Docker.LeftoversAsync();
        for (var clock = Stopwatch.StartNew(); left.Length > 0 && clock.Elapsed < DockerHost.Forgotten;)
        {
            await Task.Delay(200);
            left = await Docker.LeftoversAsync();
        }

        Assert.That(left, Is.Empty, "left behind after all containers were removed");
        var check = await Docker.Host.CalicoctlAsync("ipam check");
        Assert.That(check.ExitCode, Is.Zero, check.Output + check.Error);
        // What the store did not answer in time is brought to it by the upkeep, every ten seconds.
        for (var clock = Stopwatch.StartNew(); !await AreProfilesGoneAsync(); await Task.Delay(100))
        {
            if (clock.Elapsed > ProfilesGone)
            {
                Assert.Fail($"profiles of networks that are gone stay; calico-host said:\n{await Docker.Host.TailAsync(40)}");
            }
        }
    }

    /// <summary>A prune says nothing of a network that it left.</summary>
    /// <remarks>dockerd 20.10 counts a network's endpoints beside having them, and the count is too high after many starts were refused: it
    /// shows none and says that there are some. When it starts it counts anew (libnetwork, cleanupLocalEndpoints).</remarks>
    private async Task RemoveNetworksAsync()
    {
        const string all = "network ls -q --filter driver=calico | xargs -r /usr/bin/docker -H unix:///run/docker.sock network";
        var removed = await Docker.TryDockerAsync($"{all} rm");
        if (removed.ExitCode == 0)
        {
            return;
        }

        var endpoints = await Docker.DockerAsync(all + " inspect --format '{{len .Containers}}'");
        Assert.That(endpoints.Split('\n'), Is.All.EqualTo("0"), removed.Error);
        Assert.That(removed.Error, Does.Contain("has active endpoints"));
        TestContext.Out.WriteLine($"dockerd counts endpoints that it has not: {removed.Error.Trim()}");
        await Docker.StopDaemonAsync();
        await Docker.StartDaemonAsync();
        await Docker.DockerAsync($"{all} rm");
    }

    private static readonly TimeSpan ProfilesGone = TimeSpan.FromSeconds(25);

    private async Task<bool> AreProfilesGoneAsync() =>
        !Regex.IsMatch((await Docker.Host.CalicoctlAsync("get profiles")).Output, "[0-9a-f]{64}");

    protected static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        for (var left = 100; !await condition(); left--)
        {
            Assert.That(left, Is.Positive, what);
            await Task.Delay(100);
        }
    }
}
