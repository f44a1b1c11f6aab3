using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary>What people do with Docker on one host, with the real dockerd: walk (d) of docs/walks.md, by its step numbers, and more.
/// </summary>
[TestFixture, Parallelizable]
public sealed class DockerTests : DockerScene
{
    [Test]
    public async Task Walk_d_a_container_of_a_network_reaches_members_by_name_and_nobody_else_does()
    {
        // d1-d2: the network; d3-d7: the container, up only when its policy is in the kernel.
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await Docker.CreateNetworkAsync("green", "--subnet 10.82.0.0/24");
        await Docker.RunAsync("one", "blue");
        await Docker.RunAsync("two", "blue");
        await Docker.RunAsync("other", "green");
        var one = await Docker.AddressInAsync("one", "blue");
        Assert.That(one, Does.StartWith("10.81.0."));
        Assert.That(await Docker.Host.ShellAsync("iptables -S FORWARD"), Does.Contain("-P FORWARD DROP"), "dockerd's own");

        Assert.That(await Docker.PingAsync("two", "one"), Is.True, "a member reaches a member, by name");
        Assert.That(await Docker.PingAsync("other", one), Is.False, "another network does not");
        Assert.That(await Docker.PingFromHostAsync(one), Is.True, "the host reaches a container");
    }

    [Test]
    public async Task A_container_keeps_working_over_stop_start_and_restart_and_gives_its_address_back()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await Docker.RunAsync("one", "blue", "--ip 10.81.0.77");
        await Docker.RunAsync("two", "blue");
        await Docker.DockerAsync("stop -t 0 one");
        Assert.That(await Docker.PingAsync("two", "10.81.0.77"), Is.False);
        await Docker.DockerAsync("start one");
        Assert.That(await Docker.PingAsync("two", "10.81.0.77"), Is.True);
        await Docker.DockerAsync("restart -t 0 one two");
        Assert.That(await Docker.PingAsync("two", "one"), Is.True);
    }

    [Test]
    public async Task A_fixed_address_and_mac_are_given_and_a_second_owner_is_refused()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24 --gateway 10.81.0.1 --aux-address r1=10.81.0.5");
        await Docker.RunAsync("one", "blue", "--ip 10.81.0.77 --mac-address 02:00:00:00:00:77");
        var shown = await Docker.DockerAsync("exec one /bin/ip addr show cali0");
        Assert.That(shown, Does.Contain("02:00:00:00:00:77").And.Contain("10.81.0.77/32"));
        foreach (var taken in (string[])["10.81.0.77", "10.81.0.5", "10.81.0.1"])
        {
            var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => Docker.RunAsync("two", "blue", $"--ip {taken}"));
            Assert.That(refused!.Message, Does.Contain(taken));
            await Docker.DockerAsync("rm two");
        }
    }

    [Test]
    public async Task A_running_container_is_connected_to_a_second_network_and_answers_with_the_address_of_each()
    {
        await Docker.CreateNetworkAsync("blue", "--ipv6 --subnet 10.81.0.0/24 --subnet fd81::/112");
        await Docker.CreateNetworkAsync("green", "--ipv6 --subnet 10.82.0.0/24 --subnet fd82::/112");
        await Docker.RunAsync("both", "blue");
        await Docker.RunAsync("bb", "blue");
        await Docker.RunAsync("gg", "green");
        await Docker.DockerAsync("network connect green both");
        foreach (var field in (string[])["IPAddress", "GlobalIPv6Address"])
        {
            var (blue, green) = (await Docker.AddressInAsync("both", "blue", field), await Docker.AddressInAsync("both", "green", field));
            Assert.That(await Docker.PingAsync("bb", blue), Is.True, $"blue to {blue}");
            Assert.That(await Docker.PingAsync("gg", green), Is.True, $"green to {green}");
            Assert.That(await Docker.PingAsync("both", await Docker.AddressInAsync("gg", "green", field)), Is.True, "out to green");
            Assert.That(await Docker.PingAsync("gg", blue), Is.False, $"green to {blue}");
        }

        await Docker.DockerAsync("network disconnect green both");
        Assert.That(await Docker.PingAsync("bb", "both"), Is.True);
        // The same in a container that is started with both.
        await Docker.DockerAsync("network connect green both");
        await Docker.DockerAsync("restart -t 0 both");
        Assert.That(await Docker.PingAsync("gg", await Docker.AddressInAsync("both", "green")), Is.True);
    }

    [Test]
    public async Task An_internal_network_leads_nowhere_else()
    {
        await Docker.CreateNetworkAsync("inside", "--internal --subnet 10.81.0.0/24");
        await Docker.RunAsync("one", "inside");
        await Docker.RunAsync("two", "inside");
        Assert.That(await Docker.PingAsync("one", "two"), Is.True);
        Assert.That(await Docker.DockerAsync("exec one /bin/ip route"), Does.Not.Contain("default"));
        Assert.That(await Docker.PingAsync("one", "198.51.100.254"), Is.False);
        // With a route of its own, and the right to make one.
        await Docker.RunAsync("three", "inside", "--cap-add NET_ADMIN");
        await Docker.DockerAsync("exec three /bin/ip route add default via 169.254.1.1");
        Assert.That(await Docker.PingAsync("three", "198.51.100.254"), Is.False, "not by a route of its own either");
        Assert.That(await Docker.PingAsync("three", "one"), Is.True);
    }

    [Test]
    public async Task Containers_withDockers_own_addresses_reach_each_other()
    {
        await Docker.DockerAsync("network create -d calico --subnet 172.30.0.0/16 own");
        await Docker.RunAsync("one", "own");
        await Docker.RunAsync("two", "own");
        Assert.That(await Docker.PingAsync("two", "one"), Is.True, "the first packet too: its neighbour is answered for at once");
        Assert.That(await Docker.AddressInAsync("one", "own"), Does.StartWith("172.30."));
        var refused = await Docker.TryDockerAsync("network create -d calico --subnet 10.81.0.0/16 wrong");
        Assert.That(refused.Error, Does.Contain("calico-ipam").And.Contain("blue"));
    }

    [Test]
    public async Task What_is_not_done_is_refused_by_name()
    {
        const string Create = "network create -d calico --ipam-driver calico-ipam";
        Assert.That((await Docker.TryDockerAsync($"{Create} -o mode=x n")).Error, Does.Contain("mode"));
        Assert.That((await Docker.TryDockerAsync($"{Create} --subnet 10.99.0.0/16 n")).Error,
            Does.Contain("10.99.0.0/16").And.Contain("10.81.0.0/24"));
    }

    [Test]
    public async Task Gateways_on_the_loopback_come_back_when_it_is_flushed()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await Docker.RunAsync("one", "blue");
        await Docker.RunAsync("two", "blue");
        await Docker.Host.ShellAsync("ip -4 addr flush dev lo scope host; ip addr add 127.0.0.1/8 dev lo");
        await Docker.DockerAsync("restart -t 0 two");
        await UntilAsync(() => Docker.PingAsync("two", "one"), "through 169.254.1.1");
    }

    [Test]
    public async Task Labels_of_a_container_decide_and_its_name_is_shown()
    {
        (await Docker.Host.CalicoctlAsync("apply -f -", """
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: front}
            spec:
              selector: role == 'db' && docker.network == 'blue'
              types: [Ingress]
              ingress: [{action: Allow, source: {selector: tier == 'front'}}]
            """)).OrThrow();
        try
        {
            await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
            await Docker.RunAsync("db", "blue", "--label org.projectcalico.label.role=db");
            await Docker.RunAsync("web", "blue", "--label org.projectcalico.label.tier=front");
            await Docker.RunAsync("other", "blue");
            await UntilAsync(() => Docker.PingAsync("web", "db"), "a labelled one is let in");
            Assert.That(await Docker.PingAsync("other", "db"), Is.False);
            Assert.That(await Docker.PingAsync("db", "other"), Is.True);
            var shown = (await Docker.Host.CalicoctlAsync("get workloadendpoints -o wide")).Output;
            Assert.That(shown, Does.Contain("web:blue ").And.Contain("other:blue "));
            var address = await Docker.AddressInAsync("web", "blue");
            var owner = (await Docker.Host.CalicoctlAsync($"ipam show --ip {address}")).Output;
            Assert.That(owner, Does.Contain("is in use").And.Match("Endpoint: web:blue on node "));
            Assert.That((await Docker.Host.CalicoctlAsync("ipam who web:blue")).Output, Does.StartWith(address), "found by that name");
            var labels = (await Docker.Host.CalicoctlAsync("get workloadendpoints -A -o yaml")).Output;
            Assert.That(labels, Does.Contain("tier: front").And.Contain("docker.container: web"));
        }
        finally
        {
            (await Docker.Host.CalicoctlAsync("delete globalnetworkpolicy front")).OrThrow();
        }
    }

    [Test]
    public async Task A_policy_decides_between_containers_and_explain_says_the_same()
    {
        await Docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await Docker.RunAsync("one", "blue");
        await Docker.RunAsync("two", "blue");
        Assert.That(await Docker.PingAsync("two", "one"), Is.True);
        (await Docker.Host.CalicoctlAsync("apply -f -", """
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: nobody}
            spec: {selector: all(), types: [Ingress], ingress: [{action: Deny}]}
            """)).OrThrow();
        try
        {
            await UntilAsync(async () => !await Docker.PingAsync("two", "one"), "the policy denies");
        }
        finally
        {
            (await Docker.Host.CalicoctlAsync("delete globalnetworkpolicy nobody")).OrThrow();
        }

        await UntilAsync(() => Docker.PingAsync("two", "one"), "the policy is gone");
    }
}
