using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Podman;

/// <summary>A test host with calico-host, two CNI networks on pools of their own, and podman's CNI backend.</summary>
public sealed class PodmanHost : IAsyncDisposable
{
    private PodmanHost(TestHost host, string cgroup) => (Host, Cgroup) = (host, cgroup);

    public TestHost Host { get; }

    public string Cgroup { get; }

    public static async Task<PodmanHost> StartAsync(Action<TestHost>? configure = null)
    {
        var host = await TestHost.StartAsync();
        try
        {
            host.Settings["NO_DEFAULT_POOLS"] = "true";
            configure?.Invoke(host);
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
                """)).OrThrow();
            return await OnAsync(host);
        }
        catch (Exception e)
        {
            var tail = await host.TailAsync();
            await host.DisposeAsync();
            throw new InvalidOperationException($"{e.Message}\ncalico-host said:\n{tail}", e);
        }
    }

    /// <summary>podman on a host whose calico-host runs and has both pools.</summary>
    public static async Task<PodmanHost> OnAsync(TestHost host)
    {
        foreach (var network in (string[])["blue", "green"])
        {
            await host.ShellAsync($"{host.Programs}/host/calico-host cni install --shim {host.Programs}/bin/calico-shim "
                + $"--bin-dir /opt/cni/bin --conf-dir /etc/cni/net.d --network {network} --pool {network}");
        }

        await host.ShellAsync("cat > /etc/containers/test.conf", """
            [containers]
            cgroupns = "host"
            [engine]
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            runtime = "runc"
            [network]
            network_backend = "cni"
            cni_plugin_dirs = ["/opt/cni/bin", "/usr/lib/cni"]
            network_config_dir = "/etc/cni/net.d"
            """);
        await host.ShellAsync("""echo '{"default":[{"type":"insecureAcceptAnything"}]}' > /etc/containers/policy.json""");
        var image = Path.Combine(host.Folder, "box.tar");
        BusyboxImage.Write(image);
        await host.ShellAsync($"podman load -q -i {image}");
        return new(host, (await host.ShellAsync("hostname")).Trim());
    }

    /// <summary>Runs podman and returns what it printed; throws with its error.</summary>
    public async Task<string> PodmanAsync(string arguments)
    {
        var result = await Host.RunAsync(["bash", "-c", $"podman {arguments}"]);
        return result.ExitCode == 0 ? result.Output.Trim()
            : throw new InvalidOperationException(
                $"podman {arguments} ended with {result.ExitCode}: {result.Error}\ncalico-host said:\n{await Host.TailAsync(15)}");
    }

    /// <summary>Starts a container that sleeps.</summary>
    public Task<string> RunAsync(string name, string network, string options = "", string command = "/bin/sleep 1000") =>
        PodmanAsync($"run -d --cgroup-parent=/{Cgroup} --name {name} --network {network} {options} {BusyboxImage.Name} {command}");

    public async Task<string> AddressAsync(string container, string device = "eth0") =>
        (await PodmanAsync($"exec {container} /bin/ip -o -4 addr show dev {device}")).Split(' ', StringSplitOptions.RemoveEmptyEntries)[3]
            .Split('/')[0];

    /// <summary>The address that podman says the container has in a network: with several networks it is podman's choice which one gets
    /// eth0.</summary>
    public async Task<string> AddressInAsync(string container, string network) =>
        (await PodmanAsync($"inspect {container} --format '{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}'")).Trim();

    /// <summary>Whether a ping is answered.</summary>
    public async Task<bool> PingAsync(string container, string address) =>
        (await Host.RunAsync(["podman", "exec", container, "/bin/ping", "-c", "1", "-W", "1", address])).ExitCode == 0;

    /// <summary>What is left of Calico in the kernel and the store: empty when nothing is.</summary>
    public async Task<string> LeftoversAsync() =>
        (await Host.ShellAsync("""
            ip -o link show type veth | grep -o 'cali[^@:]*' || true
            ip route show proto 80 type unicast
            ip -6 route show proto 80 type unicast
            nft -s list ruleset | grep -o '"cali[0-9a-f]\{11\}"' | sort -u || true
            calicoctl get workloadendpoints -A -o json | grep '"name"' || true
            """)).Trim();

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
