using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Podman;

/// <summary>podman's containers on Calico networks: walk (a) of docs/walks.md, by its step numbers, and what else people do with podman.</summary>
[TestFixture]
public sealed class PodmanTests
{
    private PodmanHost podman = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        podman = await PodmanHost.StartAsync();
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (podman is not null)
        {
            await podman.DisposeAsync();
        }
    }

    [TearDown]
    public async Task RemoveContainersAsync()
    {
        await podman.PodmanAsync("rm -f -t 0 -a");
        await podman.PodmanAsync("pod rm -f -a");
        Assert.That(await podman.LeftoversAsync(), Is.Empty, "left behind after all containers were removed");
        var check = await podman.Host.CalicoctlAsync("ipam check");
        Assert.That(check.ExitCode, Is.Zero, check.Output + check.Error);
    }

    [Test]
    public async Task Walk_a_a_container_of_a_network_reaches_members_and_nobody_else_does()
    {
        // a1-a7: the ADD; the container is up only when its policy is in the kernel.
        await podman.RunAsync("one", "blue");
        await podman.RunAsync("two", "blue");
        await podman.RunAsync("other", "green");
        var one = await podman.AddressAsync("one");
        Assert.That(one, Does.StartWith("10.81.0."));
        Assert.That(await podman.AddressAsync("other"), Does.StartWith("10.82.0."));

        // a8: the first packet waits for no ARP.
        Assert.That(await podman.PingAsync("two", one), Is.True, "a member reaches a member");
        Assert.That(await podman.PingAsync("other", one), Is.False, "another network does not");
        var drops = await podman.Host.CalicoctlAsync("status -o json");
        Assert.That(drops.Output, Does.Contain("profile-none"), "the drop is counted with its reason");
    }

    [Test]
    public async Task A_container_keeps_working_over_stop_and_start()
    {
        await podman.RunAsync("one", "blue");
        await podman.RunAsync("two", "blue");
        await podman.PodmanAsync("stop -t 0 one");
        await podman.PodmanAsync("start one");
        Assert.That(await podman.PingAsync("two", await podman.AddressAsync("one")), Is.True);
    }

    [Test]
    public async Task Network_reload_gives_the_same_address_back()
    {
        await podman.RunAsync("one", "blue");
        await podman.RunAsync("two", "blue");
        var before = await podman.AddressAsync("one");
        await podman.PodmanAsync("network reload one");
        Assert.That(await podman.AddressAsync("one"), Is.EqualTo(before));
        Assert.That(await podman.PingAsync("two", before), Is.True);
    }

    [Test]
    public async Task A_fixed_address_and_mac_are_given_and_a_second_owner_is_refused()
    {
        await podman.RunAsync("one", "blue", "--ip 10.81.0.77 --mac-address 02:00:00:00:00:77");
        Assert.That(await podman.AddressAsync("one"), Is.EqualTo("10.81.0.77"));
        Assert.That(await podman.PodmanAsync("exec one /bin/ip link show eth0"), Does.Contain("02:00:00:00:00:77"));
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => podman.RunAsync("two", "blue", "--ip 10.81.0.77"));
        Assert.That(refused!.Message, Does.Contain("10.81.0.77"));
    }

    [Test]
    public async Task Two_networks_in_one_container_each_answer_with_their_own_address()
    {
        await podman.RunAsync("both", "blue,green");
        await podman.RunAsync("b", "blue");
        await podman.RunAsync("g", "green");
        var blue = await podman.AddressAsync("both");
        var green = await podman.AddressAsync("both", "eth1");
        if (!await podman.PingAsync("b", blue))
        {
            var again = await podman.PingAsync("b", blue);
            Assert.Fail($"blue {blue} green {green} again {again}\n" + await podman.Host.ShellAsync("podman exec both /bin/busybox ip addr; podman exec both /bin/busybox ip route; podman exec both /bin/busybox ip neigh; calicoctl status -o drops; calicoctl status -o endpoints; ip route; ip neigh; nft list ruleset"));
        }
        Assert.That(await podman.PingAsync("g", green), Is.True, "green to green");
        Assert.That(await podman.PingAsync("both", await podman.AddressAsync("g")), Is.True, "out through the second interface");
        Assert.That(await podman.PingAsync("g", blue), Is.False, "green to blue");
    }

    [Test]
    public async Task A_running_container_is_connected_and_disconnected()
    {
        await podman.RunAsync("one", "blue");
        await podman.RunAsync("g", "green");
        await podman.PodmanAsync("network connect green one");
        Assert.That(await podman.PingAsync("one", await podman.AddressAsync("g")), Is.True);
        await podman.PodmanAsync("network disconnect green one");
        Assert.That(await podman.PingAsync("one", await podman.AddressAsync("g")), Is.False);
    }

    [Test]
    public async Task A_pod_shares_one_interface()
    {
        await podman.PodmanAsync($"pod create --name pod1 --network blue --infra-image {BusyboxImage.Pause} --infra-command '/bin/sleep 1000' --cgroup-parent=/{podman.Cgroup}");
        await podman.PodmanAsync($"run -d --pod pod1 --name inpod {BusyboxImage.Name} /bin/sleep 1000");
        await podman.RunAsync("two", "blue");
        Assert.That(await podman.PingAsync("two", await podman.AddressAsync("inpod")), Is.True);
    }

    [Test]
    public async Task A_published_port_reaches_the_container()
    {
        await podman.RunAsync("web", "blue", "-p 8080:80", "/bin/busybox httpd -f -p 80 -h /www");
        // The default profile lets members in, not the world: the port is published, and the policy still decides.
        await podman.RunAsync("two", "blue");
        var web = await podman.AddressAsync("web");
        var answer = await podman.Host.ShellAsync($"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | podman exec -i two /bin/busybox nc -w 2 {web} 80");
        Assert.That(answer, Does.EndWith("hello\n"));
    }

    [Test]
    public async Task Ten_containers_start_at_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => podman.RunAsync($"c{i}", "blue")));
        var addresses = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => podman.AddressAsync($"c{i}")));
        Assert.That(addresses.Distinct().Count(), Is.EqualTo(10));
    }
}
