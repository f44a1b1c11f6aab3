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
        await Docker.RunAsync("one", "blue");
        await Docker.RunAsync("two", "blue");
        var one = await Docker.AddressInAsync("one", "blue");
        await Docker.StopDaemonAsync("KILL");
        var isReached = await Docker.PingFromHostAsync(one);
        await Docker.Host.KillCalicoAsync();
        await Docker.Host.StartCalicoAsync();
        await Docker.StartDaemonAsync("--live-restore");
        Assert.That(isReached, Is.True, "without a dockerd");
        Assert.That(await Docker.PingAsync("two", "one"), Is.True, "no call told of them");
        await Docker.DockerAsync("rm -f one two");
        await Docker.StopDaemonAsync();
        await Docker.StartDaemonAsync();
    }

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
