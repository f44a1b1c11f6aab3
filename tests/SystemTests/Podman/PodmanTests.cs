using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Podman;

/// <summary>podman's containers on Calico networks: walk (a) of docs/walks.md, by its step numbers, and what else people do with podman.
/// </summary>
[TestFixture, Parallelizable]
public sealed class PodmanTests
{
    private PodmanHost _podman = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _podman = await PodmanHost.StartAsync();
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (_podman is not null)
        {
            await _podman.DisposeAsync();
        }
    }

    [TearDown]
    public async Task RemoveContainersAsync()
    {
        await _podman.PodmanAsync("rm -f -t 0 -a");
        await _podman.PodmanAsync("pod rm -f -a");
        Assert.That(await _podman.LeftoversAsync(), Is.Empty, "left behind after all containers were removed");
        var check = await _podman.Host.CalicoctlAsync("ipam check");
        Assert.That(check.ExitCode, Is.Zero, check.Output + check.Error);
    }

    [Test]
    public async Task Walk_a_a_container_of_a_network_reaches_members_and_nobody_else_does()
    {
        // a1-a7: the ADD; the container is up only when its policy is in the kernel.
        await _podman.RunAsync("one", "blue");
        await _podman.RunAsync("two", "blue");
        await _podman.RunAsync("other", "green");
        var one = await _podman.AddressAsync("one");
        Assert.That(one, Does.StartWith("10.81.0."));
        Assert.That(await _podman.AddressAsync("other"), Does.StartWith("10.82.0."));

        // a8: the first packet waits for no ARP.
        Assert.That(await _podman.PingAsync("two", one), Is.True, "a member reaches a member");
        Assert.That(await _podman.PingAsync("other", one), Is.False, "another network does not");
        var drops = await _podman.Host.CalicoctlAsync("status -o json");
        Assert.That(drops.Output, Does.Contain("profile-none"), "the drop is counted with its reason");
    }

    [Test]
    public async Task A_container_keeps_working_over_stop_and_start()
    {
        await _podman.RunAsync("one", "blue");
        await _podman.RunAsync("two", "blue");
        await _podman.PodmanAsync("stop -t 0 one");
        await _podman.PodmanAsync("start one");
        Assert.That(await _podman.PingAsync("two", await _podman.AddressAsync("one")), Is.True);
    }

    [Test]
    public async Task Network_reload_gives_the_same_address_back()
    {
        await _podman.RunAsync("one", "blue");
        await _podman.RunAsync("two", "blue");
        var before = await _podman.AddressAsync("one");
        await _podman.PodmanAsync("network reload one");
        Assert.That(await _podman.AddressAsync("one"), Is.EqualTo(before));
        Assert.That(await _podman.PingAsync("two", before), Is.True);
    }

    [Test]
    public async Task A_fixed_address_and_mac_are_given_and_a_second_owner_is_refused()
    {
        await _podman.RunAsync("one", "blue", "--ip 10.81.0.77 --mac-address 02:00:00:00:00:77");
        Assert.That(await _podman.AddressAsync("one"), Is.EqualTo("10.81.0.77"));
        Assert.That(await _podman.PodmanAsync("exec one /bin/ip link show eth0"), Does.Contain("02:00:00:00:00:77"));
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => _podman.RunAsync("two", "blue", "--ip 10.81.0.77"));
        Assert.That(refused!.Message, Does.Contain("10.81.0.77"));
    }

    [Test]
    public async Task Two_networks_in_one_container_each_answer_with_their_own_address()
    {
        await _podman.RunAsync("both", "blue,green");
        await _podman.RunAsync("b", "blue");
        await _podman.RunAsync("g", "green");
        var blue = await _podman.AddressInAsync("both", "blue");
        var green = await _podman.AddressInAsync("both", "green");
        Assert.That(blue, Does.StartWith("10.81."), "of the pool of its network");
        Assert.That(green, Does.StartWith("10.82."));
        Assert.That(await _podman.PingAsync("b", blue), Is.True, "blue to blue");
        Assert.That(await _podman.PingAsync("g", green), Is.True, "green to green");
        Assert.That(await _podman.PingAsync("both", await _podman.AddressAsync("g")), Is.True, "out to green");
        Assert.That(await _podman.PingAsync("both", await _podman.AddressAsync("b")), Is.True, "out to blue");
        Assert.That(await _podman.PingAsync("g", blue), Is.False, "green to blue");
    }

    [Test]
    public async Task A_running_container_is_connected_and_disconnected()
    {
        await _podman.RunAsync("one", "blue");
        await _podman.RunAsync("g", "green");
        await _podman.PodmanAsync("network connect green one");
        Assert.That(await _podman.PingAsync("one", await _podman.AddressAsync("g")), Is.True);
        await _podman.PodmanAsync("network disconnect green one");
        Assert.That(await _podman.PingAsync("one", await _podman.AddressAsync("g")), Is.False);
    }

    [Test]
    public async Task A_pod_shares_one_interface()
    {
        await _podman.PodmanAsync(
            $"pod create --name pod1 --network blue --infra-image {BusyboxImage.Pause} --infra-command '/bin/sleep 1000' "
                + $"--cgroup-parent=/{_podman.Cgroup}");
        await _podman.PodmanAsync($"run -d --pod pod1 --name inpod {BusyboxImage.Name} /bin/sleep 1000");
        await _podman.RunAsync("two", "blue");
        Assert.That(await _podman.PingAsync("two", await _podman.AddressAsync("inpod")), Is.True);
    }

    [Test]
    public async Task C10_a_published_port_is_reached_from_outside_and_no_other_is()
    {
        await _podman.RunAsync("web", "blue", "-p 8080:80", "/bin/busybox httpd -f -p 80 -h /www");
        await _podman.RunAsync("quiet", "blue", "", "/bin/busybox httpd -f -p 80 -h /www");
        // The uplink's other end is another machine.
        async Task<string> AskAsync(string address, int port) =>
            (await CommandResult.RunAsync(["ip", "netns", "exec", _podman.Host.Fabric, "bash", "-c",
            $"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 3 busybox nc -w 2 {address} {port} || true"])).Output;
        Assert.That(await AskAsync("198.51.100.11", 8080), Does.EndWith("hello\n"));
        Assert.That(await _podman.Host.ShellAsync("calicoctl get profile publish.tcp-80 -o yaml"), Does.Contain("- 80"),
            "what opens it can be read, and edited");

        // Nobody but members comes to what was not published.
        await CommandResult.RunAsync(["ip", "-n", _podman.Host.Fabric, "route", "add", "10.81.0.0/24", "via", "198.51.100.11"]);
        Assert.That(await AskAsync(await _podman.AddressAsync("quiet"), 80), Is.Empty);
        await _podman.PodmanAsync("rm -f -t 0 web");
        Assert.That(await AskAsync("198.51.100.11", 8080), Is.Empty);
    }

    [Test]
    public async Task Ten_containers_start_at_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => _podman.RunAsync($"c{i}", "blue")));
        var addresses = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => _podman.AddressAsync($"c{i}")));
        Assert.That(addresses.Distinct().Count(), Is.EqualTo(10));
    }
}
