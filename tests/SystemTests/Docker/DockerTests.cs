using System.Diagnostics;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary>What people do with Docker on one host, with the real dockerd: walk (d) of docs/walks.md, by its step numbers, and more.
/// </summary>
[TestFixture]
public sealed class DockerTests
{
    private DockerHost _docker = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _docker = await DockerHost.StartAsync();
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (_docker is not null)
        {
            await _docker.DisposeAsync();
        }
    }

    [TearDown]
    public async Task RemoveAllAsync()
    {
        await _docker.DockerAsync("ps -aq | xargs -r /usr/bin/docker -H unix:///run/docker.sock rm -f");
        await _docker.DockerAsync("network prune -f");
        var left = await _docker.LeftoversAsync();
        for (var clock = Stopwatch.StartNew(); left.Length > 0 && clock.Elapsed < DockerHost.Forgotten;)
        {
            await Task.Delay(200);
            left = await _docker.LeftoversAsync();
        }

        Assert.That(left, Is.Empty, "left behind after all containers were removed");
        var check = await _docker.Host.CalicoctlAsync("ipam check");
        Assert.That(check.ExitCode, Is.Zero, check.Output + check.Error);
        var profiles = (await _docker.Host.CalicoctlAsync("get profiles")).Output;
        Assert.That(profiles, Does.Not.Match("[0-9a-f]{64}"), "profiles of networks that are gone");
    }

    [Test]
    public async Task Walk_d_a_container_of_a_network_reaches_members_by_name_and_nobody_else_does()
    {
        // d1-d2: the network; d3-d7: the container, up only when its policy is in the kernel.
        await _docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await _docker.CreateNetworkAsync("green", "--subnet 10.82.0.0/24");
        await _docker.RunAsync("one", "blue");
        await _docker.RunAsync("two", "blue");
        await _docker.RunAsync("other", "green");
        var one = await _docker.AddressInAsync("one", "blue");
        Assert.That(one, Does.StartWith("10.81.0."));
        Assert.That(await _docker.Host.ShellAsync("iptables -S FORWARD"), Does.Contain("-P FORWARD DROP"), "dockerd's own");

        Assert.That(await _docker.PingAsync("two", "one"), Is.True, "a member reaches a member, by name");
        Assert.That(await _docker.PingAsync("other", one), Is.False, "another network does not");
        Assert.That(await _docker.PingFromHostAsync(one), Is.True, "the host reaches a container");
    }

    [Test]
    public async Task A_container_keeps_working_over_stop_start_and_restart_and_gives_its_address_back()
    {
        await _docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await _docker.RunAsync("one", "blue", "--ip 10.81.0.77");
        await _docker.RunAsync("two", "blue");
        await _docker.DockerAsync("stop -t 0 one");
        Assert.That(await _docker.PingAsync("two", "10.81.0.77"), Is.False);
        await _docker.DockerAsync("start one");
        Assert.That(await _docker.PingAsync("two", "10.81.0.77"), Is.True);
        await _docker.DockerAsync("restart -t 0 one two");
        Assert.That(await _docker.PingAsync("two", "one"), Is.True);
    }

    [Test]
    public async Task A_fixed_address_and_mac_are_given_and_a_second_owner_is_refused()
    {
        await _docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24 --gateway 10.81.0.1 --aux-address r1=10.81.0.5");
        await _docker.RunAsync("one", "blue", "--ip 10.81.0.77 --mac-address 02:00:00:00:00:77");
        var shown = await _docker.DockerAsync("exec one /bin/ip addr show cali0");
        Assert.That(shown, Does.Contain("02:00:00:00:00:77").And.Contain("10.81.0.77/32"));
        foreach (var taken in (string[])["10.81.0.77", "10.81.0.5", "10.81.0.1"])
        {
            var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => _docker.RunAsync("two", "blue", $"--ip {taken}"));
            Assert.That(refused!.Message, Does.Contain(taken));
            await _docker.DockerAsync("rm two");
        }
    }

    [Test]
    public async Task A_running_container_is_connected_to_a_second_network_and_answers_with_the_address_of_each()
    {
        await _docker.CreateNetworkAsync("blue", "--ipv6 --subnet 10.81.0.0/24 --subnet fd81::/112");
        await _docker.CreateNetworkAsync("green", "--ipv6 --subnet 10.82.0.0/24 --subnet fd82::/112");
        await _docker.RunAsync("both", "blue");
        await _docker.RunAsync("bb", "blue");
        await _docker.RunAsync("gg", "green");
        await _docker.DockerAsync("network connect green both");
        foreach (var field in (string[])["IPAddress", "GlobalIPv6Address"])
        {
            var (blue, green) = (await _docker.AddressInAsync("both", "blue", field), await _docker.AddressInAsync("both", "green", field));
            Assert.That(await _docker.PingAsync("bb", blue), Is.True, $"blue to {blue}");
            Assert.That(await _docker.PingAsync("gg", green), Is.True, $"green to {green}");
            Assert.That(await _docker.PingAsync("both", await _docker.AddressInAsync("gg", "green", field)), Is.True, "out to green");
            Assert.That(await _docker.PingAsync("gg", blue), Is.False, $"green to {blue}");
        }

        await _docker.DockerAsync("network disconnect green both");
        Assert.That(await _docker.PingAsync("bb", "both"), Is.True);
        // The same in a container that is started with both.
        await _docker.DockerAsync("network connect green both");
        await _docker.DockerAsync("restart -t 0 both");
        Assert.That(await _docker.PingAsync("gg", await _docker.AddressInAsync("both", "green")), Is.True);
    }

    [Test]
    public async Task An_internal_network_leads_nowhere_else()
    {
        await _docker.CreateNetworkAsync("inside", "--internal --subnet 10.81.0.0/24");
        await _docker.RunAsync("one", "inside");
        await _docker.RunAsync("two", "inside");
        Assert.That(await _docker.PingAsync("one", "two"), Is.True);
        Assert.That(await _docker.DockerAsync("exec one /bin/ip route"), Does.Not.Contain("default"));
        Assert.That(await _docker.PingAsync("one", "198.51.100.254"), Is.False);
        // With a route of its own, and the right to make one.
        await _docker.RunAsync("three", "inside", "--cap-add NET_ADMIN");
        await _docker.DockerAsync("exec three /bin/ip route add default via 169.254.1.1");
        Assert.That(await _docker.PingAsync("three", "198.51.100.254"), Is.False, "not by a route of its own either");
        Assert.That(await _docker.PingAsync("three", "one"), Is.True);
    }

    [Test]
    public async Task Containers_with_dockers_own_addresses_reach_each_other()
    {
        await _docker.DockerAsync("network create -d calico --subnet 172.30.0.0/16 own");
        await _docker.RunAsync("one", "own");
        await _docker.RunAsync("two", "own");
        Assert.That(await _docker.PingAsync("two", "one"), Is.True, "the first packet too: its neighbour is answered for at once");
        Assert.That(await _docker.AddressInAsync("one", "own"), Does.StartWith("172.30."));
        var refused = await _docker.TryDockerAsync("network create -d calico --subnet 10.81.0.0/16 wrong");
        Assert.That(refused.Error, Does.Contain("calico-ipam").And.Contain("blue"));
    }

    [Test]
    public async Task What_is_not_done_is_refused_by_name()
    {
        const string Create = "network create -d calico --ipam-driver calico-ipam";
        Assert.That((await _docker.TryDockerAsync($"{Create} -o mode=x n")).Error, Does.Contain("mode"));
        Assert.That((await _docker.TryDockerAsync($"{Create} --subnet 10.99.0.0/16 n")).Error,
            Does.Contain("10.99.0.0/16").And.Contain("10.81.0.0/24"));
        await _docker.CreateNetworkAsync("blue");
        var published = await _docker.TryDockerAsync($"run --rm -p 80:80 --network blue {BusyboxImage.Name} /bin/true");
        Assert.That(published.Error, Does.Contain("--publish"));
    }

    [Test]
    public async Task A_policy_decides_between_containers_and_explain_says_the_same()
    {
        await _docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await _docker.RunAsync("one", "blue");
        await _docker.RunAsync("two", "blue");
        Assert.That(await _docker.PingAsync("two", "one"), Is.True);
        (await _docker.Host.CalicoctlAsync("apply -f -", """
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: nobody}
            spec: {selector: all(), types: [Ingress], ingress: [{action: Deny}]}
            """)).OrThrow();
        try
        {
            await UntilAsync(async () => !await _docker.PingAsync("two", "one"), "the policy denies");
        }
        finally
        {
            (await _docker.Host.CalicoctlAsync("delete globalnetworkpolicy nobody")).OrThrow();
        }

        await UntilAsync(() => _docker.PingAsync("two", "one"), "the policy is gone");
    }

    [TestCase("TERM")]
    [TestCase("KILL")]
    public async Task Containers_that_restart_with_dockerd_reach_each_other_again_and_no_address_is_lost(string signal)
    {
        await _docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        for (var n = 1; n <= 5; n++)
        {
            await _docker.RunAsync($"c{n}", "blue", "--restart always");
        }

        await _docker.StopDaemonAsync(signal);
        await _docker.StartDaemonAsync();
        await UntilAsync(async () => await _docker.DockerAsync("ps -q | wc -l") == "5", "all five run");
        var addresses = (await _docker.DockerAsync(
            "inspect c1 c2 c3 c4 c5 --format '{{.NetworkSettings.Networks.blue.IPAddress}}'")).Split('\n');
        Assert.That(addresses.Distinct().Count(), Is.EqualTo(5), string.Join(' ', addresses));
        foreach (var address in addresses)
        {
            await UntilAsync(() => _docker.PingAsync("c1", address), $"c1 to {address}");
        }
    }

    [Test]
    public async Task Containers_that_outlive_dockerd_keep_their_policy_and_are_removed_by_the_next_one()
    {
        await _docker.StopDaemonAsync();
        await _docker.StartDaemonAsync("--live-restore");
        await _docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await _docker.RunAsync("one", "blue");
        await _docker.RunAsync("two", "blue");
        var one = await _docker.AddressInAsync("one", "blue");
        await _docker.StopDaemonAsync("KILL");
        var isReached = await _docker.PingFromHostAsync(one);
        await _docker.Host.KillCalicoAsync();
        await _docker.Host.StartCalicoAsync();
        await _docker.StartDaemonAsync("--live-restore");
        Assert.That(isReached, Is.True, "without a dockerd");
        Assert.That(await _docker.PingAsync("two", "one"), Is.True, "no call told of them");
        await _docker.DockerAsync("rm -f one two");
        await _docker.StopDaemonAsync();
        await _docker.StartDaemonAsync();
    }

    [Test]
    public async Task A_host_that_restarts_leaves_containers_alone_and_serves_the_next_call()
    {
        await _docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24 -o com.docker.network.driver.mtu=1410");
        await _docker.RunAsync("one", "blue");
        await _docker.Host.KillCalicoAsync();
        await _docker.Host.StartCalicoAsync();
        await _docker.RunAsync("two", "blue");
        Assert.That(await _docker.PingAsync("two", "one"), Is.True);
        var link = await _docker.DockerAsync("exec two /bin/ip link show cali0");
        Assert.That(link, Does.Contain("mtu 1410"), "the network's option, told once");
    }

    private static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        for (var left = 100; !await condition(); left--)
        {
            Assert.That(left, Is.Positive, what);
            await Task.Delay(100);
        }
    }
}
