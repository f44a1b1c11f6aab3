using System.Text.Json.Nodes;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Cni;

/// <summary>A test host whose runtime is the test itself: it executes the shim as libcni would.</summary>
public sealed class CniHost : IAsyncDisposable
{
    /// <summary>A network as <c>cni install</c> writes it, for one plugin.</summary>
    public const string Conf = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";

    private CniHost(TestHost host) => Host = host;

    public TestHost Host { get; }

    public static async Task<CniHost> StartAsync(Action<TestHost>? configure = null, int number = 31, bool startCalico = true,
        string? fabric = null)
    {
        var host = await TestHost.StartAsync(number, fabric);
        try
        {
            configure?.Invoke(host);
            await host.ShellAsync(
                $"mkdir -p /opt/cni/bin; cp {host.Programs}/bin/calico-shim /opt/cni/bin/calico; cp {host.Programs}/bin/calico-shim "
                    + "/opt/cni/bin/calico-ipam; cp /usr/lib/cni/* /opt/cni/bin/");
            if (startCalico)
            {
                await host.StartCalicoAsync();
            }

            return new(host);
        }
        catch (Exception e)
        {
            var tail = await host.TailAsync();
            await host.DisposeAsync();
            throw new InvalidOperationException($"{e.Message}\ncalico-host said:\n{tail}", e);
        }
    }

    public Task AddNamespaceAsync(string name) => Host.ShellAsync($"ip netns add {name}");

    public Task DeleteNamespaceAsync(string name) => Host.ShellAsync($"ip netns del {name}");

    /// <summary>Executes the shim.</summary>
    public Task<CommandResult> CallAsync(string verb, string containerId, string? netns, string conf = Conf, string ifname = "eth0",
        string args = "",
        string program = "calico", TimeSpan? limit = null) =>
        Host.RunAsync(["env", $"CNI_COMMAND={verb}", $"CNI_CONTAINERID={containerId}", $"CNI_NETNS={netns}", $"CNI_IFNAME={ifname}",
            $"CNI_ARGS={args}",
            "CNI_PATH=/opt/cni/bin", $"/opt/cni/bin/{program}"], conf, limit);

    /// <summary>ADD into <c>/run/netns/NAME</c>; returns the first address without its length.</summary>
    public async Task<string> AddAsync(string containerId, string netns, string conf = Conf, string ifname = "eth0", string args = "")
    {
        var result = await CallAsync("ADD", containerId, $"/run/netns/{netns}", conf, ifname, args);
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"ADD {containerId} ended with {result.ExitCode}: {result.Output}{result.Error}\n{await Host.TailAsync(15)}");
        }

        return ((string)JsonNode.Parse(result.Output)!["ips"]![0]!["address"]!).Split('/')[0];
    }

    public async Task DeleteAsync(string containerId, string? netns, string conf = Conf, string ifname = "eth0") =>
        (await CallAsync("DEL", containerId, netns is null ? "" : $"/run/netns/{netns}", conf, ifname)).OrThrow();

    public async Task<bool> PingAsync(string netns, string address) =>
        (await Host.RunAsync(["ip", "netns", "exec", netns, "/bin/busybox", "ping", "-c", "1", "-W", "1", address])).ExitCode == 0;

    /// <summary>The CNI error of a failed call.</summary>
    public static (int Code, string Message) ErrorOf(CommandResult result)
    {
        Assert.That(result.ExitCode, Is.Not.Zero, $"it succeeded: {result.Output}");
        var error = JsonNode.Parse(result.Output)!;
        return ((int)error["code"]!, $"{(string)error["msg"]!} {(string?)error["details"]}");
    }

    /// <summary>Everything of ours in the kernel and the store, a line each; empty when nothing is left.</summary>
    public Task<string> LeftoversAsync() => Host.ShellAsync("""
        ip -o link show type veth | grep -o 'cali[^@:]*' || true
        ip route show proto 80 type unicast; ip -6 route show proto 80 type unicast
        nft list ruleset | grep -o '"cali[0-9a-f]\{11\}"' | sort -u || true
        calicoctl get workloadendpoints -A -o json | grep '"interfaceName"' || true
        """);

    /// <summary>Asserts that nothing is left and that the books agree.</summary>
    public async Task AssertCleanAsync()
    {
        // Links are reaped in bulk a moment after the answer; what the store was too slow to hear is told again within ten seconds.
        var left = "";
        for (var i = 0; i < 150; i++)
        {
            left = await LeftoversAsync();
            if (left.Length == 0)
            {
                break;
            }

            await Task.Delay(100);
        }

        Assert.That(left, Is.Empty, "left behind");
        var check = await Host.CalicoctlAsync("ipam check");
        Assert.That(check.ExitCode, Is.Zero, $"{check.Output}{check.Error}\n{(check.ExitCode == 0 ? "" : await Host.TailAsync(3000))}");
        Assert.That(await Host.ShellAsync("ls -A /var/lib/calico/spool 2>/dev/null || true"), Is.Empty, "DELs are left in the spool");
    }

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
