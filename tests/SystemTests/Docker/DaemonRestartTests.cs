using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary>dockerd and calico-host end and begin again, in good order or not.</summary>
[TestFixture, Parallelizable]
public sealed class DaemonRestartTests : DockerScene
{
    [TestCase("TERM")]
    [TestCase("KILL")]
    public async Task Containers_that_restart_withDockerd_reach_each_other_again_and_no_address_is_lost(string signal)
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        for (var n = 1; n <= 5; n++)
        {
            await Docker.RunAsync($"c{n}", "blue", "--restart always");
        }

        await Docker.StopDaemonAsync(signal);
        await Docker.StartDaemonAsync();
        await UntilAsync(async () => await Docker.DockerAsync("ps -q | wc -l") == "5", "all five run");
        var addresses = (await Docker.DockerAsync(
            "inspect c1 c2 c3 c4 c5 --format '{{.NetworkSettings.Networks.blue.IPAddress}}'")).Split('\n');
        Assert.That(addresses.Distinct().Count(), Is.EqualTo(5), string.Join(' ', addresses));
        foreach (var address in addresses)
        {
            await UntilAsync(() => Docker.PingAsync("c1", address), $"c1 to {address}");
        }
    }

    [Test]
    public async Task A_container_with_a_fixed_address_is_up_again_with_the_dockerd_that_follows_a_killed_one()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await Docker.RunAsync("one", "blue", "--ip 10.81.0.77 --restart always");
        await Docker.RunAsync("two", "blue", "--restart always");
        await Docker.StopDaemonAsync("KILL");
        await Docker.StartDaemonAsync();
        await UntilAsync(async () => await Docker.DockerAsync("ps -q | wc -l") == "2", "both run");
        Assert.That(await Docker.AddressInAsync("one", "blue"), Is.EqualTo("10.81.0.77"));
        Assert.That(await Docker.DockerAsync("inspect one --format '{{.RestartCount}}'"), Is.EqualTo("0"), "at the first try");
        await UntilAsync(() => Docker.PingAsync("two", "10.81.0.77"), "two to one");
    }

    [Test]
    public async Task Containers_that_outliveDockerd_keep_their_policy_and_are_removed_by_the_next_one()
    {
        await Docker.StopDaemonAsync();
        await Docker.StartDaemonAsync("--live-restore");
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await Docker.RunAsync("one", "blue", "-p 8080:80");
        await Docker.RunAsync("two", "blue");
        var one = await Docker.AddressInAsync("one", "blue");
        var pid = await Docker.DockerAsync("inspect -f '{{.State.Pid}}' one");
        await Docker.Host.ShellAsync(
            $"setsid nsenter -t {pid} -n /bin/busybox nc -ll -p 80 -e /bin/echo here >/dev/null 2>&1 </dev/null &");
        await UntilAsync(IsPublishedAsync, "its port is open");
        await Docker.StopDaemonAsync("KILL");
        var isReached = await Docker.PingFromHostAsync(one) && await IsPublishedAsync();
        await Docker.Host.KillCalicoAsync();
        await Docker.Host.StartCalicoAsync();
        var isOpen = await IsPublishedAsync();
        await Docker.StartDaemonAsync("--live-restore");
        Assert.That(isReached, Is.True, "without a dockerd");
        Assert.That(isOpen, Is.True, "with another calico-host, without a dockerd");
        Assert.That(await Docker.PingAsync("two", "one"), Is.True, "no call told of them");
        Assert.That(await IsPublishedAsync(), Is.True, "nor of its port");
        await Docker.DockerAsync("rm -f one two");
        Assert.That(await IsPublishedAsync(), Is.False, "with its container it went");
        await Docker.RunAsync("three", "blue", "-p 8080:80");
        await Docker.StopDaemonAsync();
        await Docker.StartDaemonAsync();
    }

    /// <summary>From the host itself.</summary>
    private async Task<bool> IsPublishedAsync() =>
        (await Docker.Host.RunAsync(["bash", "-c", "echo | /bin/busybox nc -w 2 127.0.0.1 8080"])).Output.Trim() == "here";

    [Test]
    public async Task A_host_that_restarts_leaves_containers_alone_and_serves_the_next_call()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24 -o com.docker.network.driver.mtu=1410");
        await Docker.RunAsync("one", "blue");
        await Docker.Host.KillCalicoAsync();
        await Docker.Host.StartCalicoAsync();
        await Docker.RunAsync("two", "blue");
        Assert.That(await Docker.PingAsync("two", "one"), Is.True);
        var link = await Docker.DockerAsync("exec two /bin/ip link show cali0");
        Assert.That(link, Does.Contain("mtu 1410"), "the network's option, told once");
    }
}
