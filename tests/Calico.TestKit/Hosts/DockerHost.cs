using System.Diagnostics;

namespace Calico.TestKit.Hosts;

/// <summary>A test host with calico-host, pools, and Debian's dockerd, whose iptables are on and whose FORWARD policy is DROP.</summary>
public sealed class DockerHost : IAsyncDisposable
{
    /// <summary>After this long nothing is left of what dockerd forgot.</summary>
    public static readonly TimeSpan Forgotten = TimeSpan.FromSeconds(15);

    private const string Client = "DOCKER_HOST=unix:///run/docker.sock /usr/bin/docker";

    private readonly string _cgroup;
    private Process? _daemon;

    private DockerHost(TestHost host, string cgroup) => (Host, _cgroup) = (host, cgroup);

    public TestHost Host { get; }

    private string DaemonLog => Path.Combine(Host.Folder, "dockerd.log");

    /// <param name="prepare">Before calico-host is started.</param>
    public static async Task<DockerHost> StartAsync(Func<TestHost, Task>? prepare = null)
    {
        var host = await TestHost.StartAsync();
        var docker = new DockerHost(host, (await host.ShellAsync("hostname")).Trim());
        try
        {
            host.Settings["NO_DEFAULT_POOLS"] = "true";
            host.Settings["CALICO_DOCKER_FORGOTTENAFTER"] = "00:00:03";
            host.Settings["CALICO_DOCKER_SWEEPINTERVAL"] = "00:00:01";
            host.Settings["CALICO_LIVE_INTERVAL"] = "00:00:01";
            if (prepare is not null)
            {
                await prepare(host);
            }

            await host.StartCalicoAsync();
            (await host.CalicoctlAsync("apply -f -", """
                apiVersion: projectcalico.org/v3
                kind: IPPool
                metadata: {name: blue}
                spec: {cidr: 10.81.0.0/24, natOutgoing: true}
                ---
                apiVersion: projectcalico.org/v3
                kind: IPPool
                metadata: {name: green}
                spec: {cidr: 10.82.0.0/24, natOutgoing: true}
                ---
                apiVersion: projectcalico.org/v3
                kind: IPPool
                metadata: {name: blue6}
                spec: {cidr: "fd81::/112"}
                ---
                apiVersion: projectcalico.org/v3
                kind: IPPool
                metadata: {name: green6}
                spec: {cidr: "fd82::/112"}
                """)).OrThrow();
            await docker.StartDaemonAsync();
            var image = Path.Combine(host.Folder, "box.tar");
            BusyboxImage.Write(image);
            await docker.DockerAsync($"load -q -i {image}");
            return docker;
        }
        catch (Exception e)
        {
            var tail = await host.TailAsync() + await docker.DaemonTailAsync();
            await docker.DisposeAsync();
            throw new InvalidOperationException($"{e.Message}\ncalico-host and dockerd said:\n{tail}", e);
        }
    }

    /// <summary>Starts dockerd and waits until it answers.</summary>
    /// <remarks>A containerd of a dockerd that was killed may not be back within the 15 seconds that dockerd gives it; systemd starts
    /// dockerd again then, and so does this, once.</remarks>
    /// <returns>How long that took.</returns>
    public async Task<TimeSpan> StartDaemonAsync(string options = "")
    {
        var clock = Stopwatch.StartNew();
        var isFirst = true;
        Launch(options);
        while ((await Host.RunAsync(["bash", "-c", $"{Client} version"])).ExitCode != 0)
        {
            if (isFirst && _daemon!.HasExited
                && (await DaemonTailAsync()).Contains("failed to start containerd", StringComparison.Ordinal))
            {
                isFirst = false;
                Launch(options);
            }
            else if (clock.Elapsed > TimeSpan.FromSeconds(90) || _daemon!.HasExited)
            {
                throw new InvalidOperationException($"dockerd did not come up\n{await DaemonTailAsync()}");
            }

            await Task.Delay(50);
        }

        // As dockerd does itself where it is the one that turns forwarding on.
        await Host.ShellAsync("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP");
        return clock.Elapsed;
    }

    private void Launch(string options)
    {
        var command = $"exec /usr/sbin/dockerd -H unix:///run/docker.sock --cgroup-parent=/{_cgroup} --userland-proxy=false {options}";
        _daemon = Process.Start(new ProcessStartInfo("bash",
        [
            Path.Combine(Repository.Root, "samples", "test-host", "test-host.sh"), "exec", Host.Folder,
            "env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "bash", "-c", $"{command} >>{DaemonLog} 2>&1",
        ]))!;
    }

    /// <summary>Ends dockerd with a signal and waits until it has gone.</summary>
    public async Task StopDaemonAsync(string signal = "TERM")
    {
        await Host.ShellAsync($"kill -{signal} $(cat /run/docker.pid)");
        await _daemon!.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        await Host.ShellAsync("rm -f /run/docker.pid");
    }

    /// <summary>Runs docker and returns what it printed; throws with its error.</summary>
    public async Task<string> DockerAsync(string arguments)
    {
        var result = await TryDockerAsync(arguments);
        return result.ExitCode == 0 ? result.Output.Trim()
            : throw new InvalidOperationException(
                $"docker {arguments} ended with {result.ExitCode}: {result.Error}\ncalico-host said:\n{await Host.TailAsync(15)}");
    }

    public Task<CommandResult> TryDockerAsync(string arguments) =>
        Host.RunAsync(["bash", "-c", $"{Client} {arguments}"], limit: TimeSpan.FromMinutes(2));

    public Task<string> CreateNetworkAsync(string name, string options = "") =>
        DockerAsync($"network create -d calico --ipam-driver calico-ipam {options} {name}");

    /// <summary>Starts a container that sleeps.</summary>
    public Task<string> RunAsync(string name, string network, string options = "") =>
        DockerAsync($"run -d --name {name} --network {network} {options} {BusyboxImage.Name} /bin/sleep 1000");

    /// <summary>The address that Docker says the container has in a network.</summary>
    public Task<string> AddressInAsync(string container, string network, string field = "IPAddress") =>
        DockerAsync($"inspect {container} --format '{{{{(index .NetworkSettings.Networks \"{network}\").{field}}}}}'");

    /// <summary>Whether a ping is answered.</summary>
    public async Task<bool> PingAsync(string container, string address) =>
        (await TryDockerAsync($"exec {container} /bin/ping -c 1 -W 1 {address}")).ExitCode == 0;

    /// <summary>Whether a ping of the host itself is answered.</summary>
    public async Task<bool> PingFromHostAsync(string address) =>
        (await Host.RunAsync(["/bin/busybox", "ping", "-c", "1", "-W", "1", address])).ExitCode == 0;

    /// <summary>What is left of Calico in the kernel and the store: empty when nothing is.</summary>
    public async Task<string> LeftoversAsync() =>
        (await Host.ShellAsync("""
            ip -o link show type veth | grep -oE '(cali|temp)[0-9a-f]{11}' || true
            ip route show proto 80 type unicast
            ip -6 route show proto 80 type unicast
            nft -s list ruleset | grep -o '"cali[0-9a-f]\{11\}"' | sort -u || true
            calicoctl get workloadendpoints -A -o json | grep '"name"' || true
            """)).Trim();

    public ValueTask DisposeAsync() => Host.DisposeAsync();

    private async Task<string> DaemonTailAsync() =>
        File.Exists(DaemonLog) ? (await CommandResult.RunAsync(["tail", "-n", "20", DaemonLog])).Output : "";
}
