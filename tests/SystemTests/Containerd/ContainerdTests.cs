using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Containerd;

/// <summary>Pods of containerd's CRI, and <c>ctr run --cni</c>, on a Calico network.</summary>
[TestFixture, Parallelizable]
public sealed class ContainerdTests
{
    private ContainerdHost _containerd = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _containerd = await ContainerdHost.StartAsync();
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (_containerd is not null)
        {
            await _containerd.DisposeAsync();
        }
    }

    [TearDown]
    public async Task CheckAsync()
    {
        var check = await _containerd.Host.CalicoctlAsync("ipam check");
        Assert.That(check.ExitCode, Is.Zero, check.Output + check.Error);
        var left = await _containerd.Host
            .ShellAsync("ip -o link show type veth | grep -o 'cali[^@:]*' || true; ip route show proto 80 type unicast");
        Assert.That(left, Is.Empty);
    }

    [Test]
    public async Task A_pod_runs_reaches_another_and_goes()
    {
        var one = await _containerd.RunPodAsync("one");
        var two = await _containerd.RunPodAsync("two");
        Assert.That(one.Address, Does.StartWith("10.65."));
        var ping = await _containerd.ExecAsync(two.Id, "two", "/bin/ping", "-c", "1", "-W", "1", one.Address);
        Assert.That(ping.Code, Is.Zero, ping.Output);
        await _containerd.RemovePodAsync(one.Id);
        await _containerd.RemovePodAsync(two.Id);
    }

    [Test]
    public async Task Fifty_pods_in_parallel_get_fifty_addresses()
    {
        var pods = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => _containerd.RunPodAsync($"many{i}")));
        Assert.That(pods.Select(p => p.Address).Distinct().Count(), Is.EqualTo(50));
        await Task.WhenAll(pods.Select(p => _containerd.RemovePodAsync(p.Id)));
    }

    [Test]
    public async Task A_restart_of_containerd_leaves_pods_connected()
    {
        var one = await _containerd.RunPodAsync("r1");
        var two = await _containerd.RunPodAsync("r2");
        await _containerd.StopDaemonAsync();
        await _containerd.StartDaemonAsync();
        var ping = await _containerd.ExecAsync(two.Id, "r2", "/bin/ping", "-c", "1", "-W", "1", one.Address);
        Assert.That(ping.Code, Is.Zero, ping.Output);
        await _containerd.RemovePodAsync(one.Id);
        await _containerd.RemovePodAsync(two.Id);
    }

    [Test]
    public async Task A_namespace_that_is_gone_already_does_not_stop_the_removal()
    {
        var pod = await _containerd.RunPodAsync("nons");
        var path = (await _containerd.Host.ShellAsync("ls -t /run/netns | grep ^cni- | head -n 1")).Trim();
        await _containerd.Host.ShellAsync($"umount /run/netns/{path} && rm /run/netns/{path}");
        await _containerd.RemovePodAsync(pod.Id);
    }

    [Test]
    public async Task Ctr_run_with_cni_adds_and_deletes()
    {
        var address = await _containerd.Host.ShellAsync(
            $"ctr run --cni --rm --cgroup /{_containerd.Cgroup}/ctr1 {BusyboxImage.Name} ctr1 /bin/ip -o -4 addr show dev eth0");
        Assert.That(address, Does.Contain("10.65."));
    }
}
