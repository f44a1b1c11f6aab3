using System.Text.RegularExpressions;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary>dockerd begins again with all its containers, over a store that is there, slow, or away, and over a calico-host that has begun
/// again while it was.</summary>
/// <remarks>Measured against the bridge driver in the same run, with ten seconds to spare.</remarks>
[TestFixture, Parallelizable]
public sealed class StoreTroubleTests : DockerScene
{
    private static readonly TimeSpan MoreAtMost = TimeSpan.FromSeconds(10);

    private const string Failed =
        "ps -aq --filter status=exited --filter status=created | xargs -r /usr/bin/docker -H unix:///run/docker.sock";
    private const string Running = "ps -q | xargs /usr/bin/docker -H unix:///run/docker.sock";

    private FabricEtcd _etcd = null!;

    public override async Task EndAsync()
    {
        await base.EndAsync();
        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
        }
    }

    protected override async Task PrepareAsync(TestHost host) => _etcd = await FabricEtcd.StartForAsync(host);

    [TestCase(10)]
    [TestCase(100, Category = "long")]
    public async Task Dockerd_is_up_as_soon_as_with_the_bridge_driver_and_no_address_is_lost_or_doubled(int count)
    {
        await Docker.DockerAsync("network create plain");
        await RunAllAsync(count, "plain");
        await Docker.StopDaemonAsync();
        var bridge = await Docker.StartDaemonAsync();
        await UntilAsync(async () => await RunningAsync() == count, "all of the bridge driver's run");
        await Docker.DockerAsync("ps -aq | xargs -r /usr/bin/docker -H unix:///run/docker.sock rm -f");

        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await RunAllAsync(count, "blue");
        await RestartAsync("a store that is there", bridge, count);
        _etcd.Slow();
        try
        {
            await RestartAsync("a slow store", bridge, count);
        }
        finally
        {
            await _etcd.HurryAsync();
        }

        await RestartWithoutAsync("a store that is away", bridge, count, () => Task.CompletedTask);
        await RestartWithoutAsync("a host that began again without its store", bridge, count, async () =>
        {
            await Docker.Host.KillCalicoAsync();
            await Docker.Host.StartCalicoAsync(waitReady: false);
        });
    }

    private async Task RestartAsync(string over, TimeSpan bridge, int count)
    {
        await Docker.StopDaemonAsync();
        await StartAsync(over, bridge);
        await UntilAsync(async () => await RunningAsync() == count, $"all run over {over}");
        await AssertAllReachedAsync(over, count);
    }

    /// <summary>What lies beyond the reserve is refused by name, and comes up when the store is back.</summary>
    private async Task RestartWithoutAsync(string over, TimeSpan bridge, int count, Func<Task> meanwhile)
    {
        await Docker.StopDaemonAsync();
        await _etcd.SwallowAsync();
        try
        {
            await meanwhile();
            await StartAsync(over, bridge);
            await UntilAsync(async () => await RunningAsync() + (await RefusedAsync()).Length == count,
                $"each runs or is refused over {over}");
            var refused = await RefusedAsync();
            TestContext.Out.WriteLine(
                $"{over}: {count - refused.Length} of {count} run, {refused.Length} are refused: {refused.FirstOrDefault()}");
            Assert.That(refused, Has.Length.LessThan(count), $"the reserve serves over {over}");
            Assert.That(refused, Is.All.Match("IpamDriver.RequestAddress|NetworkDriver").And.All.Match("datastore|store|address"), over);
            await AssertAllReachedAsync(over, count - refused.Length);
        }
        finally
        {
            await _etcd.RestoreAsync();
        }

        await UntilAsync(async () =>
        {
            await Docker.TryDockerAsync($"{Failed} start");
            return await RunningAsync() == count;
        }, $"all run when the store is back after {over}");
        await AssertAllReachedAsync($"{over}, which is back", count);
        await UntilAsync(async () => (await Docker.Host.CalicoctlAsync("ipam check")).ExitCode == 0, $"ipam check after {over}");
    }

    private async Task StartAsync(string over, TimeSpan bridge)
    {
        var took = await Docker.StartDaemonAsync();
        TestContext.Out.WriteLine(
            $"{over}: dockerd up after {took.TotalSeconds:0.0} s, with the bridge driver after {bridge.TotalSeconds:0.0} s");
        Assert.That(took, Is.LessThan(bridge + MoreAtMost), over);
    }

    private Task RunAllAsync(int count, string network) => Docker.Host.ShellAsync($$"""
        for n in $(seq {{count}}); do
          docker -H unix:///run/docker.sock run -d --restart always --name c$n --network {{network}} {{BusyboxImage.Name}} \
            /bin/sleep 100000 >/dev/null &
          [ $((n % 10)) = 0 ] && wait
        done
        wait
        """, limit: TimeSpan.FromMinutes(5));

    private async Task<int> RunningAsync() => int.Parse(await Docker.DockerAsync("ps -q | wc -l"),
        System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Why those that do not run do not.</summary>
    private async Task<string[]> RefusedAsync() => (await Docker.DockerAsync(
        $"{Failed} inspect --format '{{{{.State.Error}}}}'"))
        .Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>From one of them.</summary>
    private async Task AssertAllReachedAsync(string over, int count)
    {
        var addresses = (await Docker.DockerAsync(
            $"{Running} inspect --format '{{{{.NetworkSettings.Networks.blue.IPAddress}}}}'")).Split('\n');
        Assert.That(addresses, Is.All.Match(new Regex(@"\A10\.81\.0\.\d+\z")), over);
        Assert.That(addresses, Is.Unique.And.Length.EqualTo(count), over);
        var one = (await Docker.DockerAsync("ps -q")).Split('\n')[0];
        await UntilAsync(async () => (await Docker.TryDockerAsync(
            $"exec {one} /bin/sh -ec 'for a in {string.Join(' ', addresses)}; do ping -c 1 -W 1 $a >/dev/null; done'")).ExitCode == 0,
                $"all are reached over {over}");
    }
}
