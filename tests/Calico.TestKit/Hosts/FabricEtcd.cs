using System.Diagnostics;

namespace Calico.TestKit.Hosts;

/// <summary>A real etcd outside a test host, at the far end of its uplink, and the path to it, which can be made to swallow packets.
/// </summary>
/// <remarks>A swallowed packet is answered by nothing: no reset, no ICMP. Connections stand on both sides until somebody gives them up,
/// and a new one hangs in its first packet.</remarks>
public sealed class FabricEtcd : IAsyncDisposable
{
    private readonly string _fabric;
    private readonly Process _process;
    private Process? _brake;

    private FabricEtcd(string fabric, Process process) => (_fabric, _process) = (fabric, process);

    /// <summary>For <c>ETCD_ENDPOINTS</c>.</summary>
    public static string Endpoint => "http://198.51.100.254:12379";

    /// <summary>Starts it beside a host and waits until it answers.</summary>
    public static async Task<FabricEtcd> StartAsync(TestHost host)
    {
        var start = new ProcessStartInfo("ip", ["netns", "exec", host.Fabric, "etcd", $"--data-dir={host.Folder}/etcd", "--log-level=error",
            $"--listen-client-urls={Endpoint}", $"--advertise-client-urls={Endpoint}", "--listen-peer-urls=http://127.0.0.1:12380",
            "--initial-advertise-peer-urls=http://127.0.0.1:12380", "--initial-cluster=default=http://127.0.0.1:12380"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        var process = Process.Start(start)!;
        _ = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        var etcd = new FabricEtcd(host.Fabric, process);
        try
        {
            for (var left = 100; (await etcd.TryEtcdctlAsync(["get", "x"])).ExitCode != 0; left--)
            {
                if (left == 0 || process.HasExited)
                {
                    throw new InvalidOperationException("etcd did not come up on the fabric");
                }

                await Task.Delay(50);
            }

            return etcd;
        }
        catch
        {
            await etcd.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it beside a host whose calico-host, started next, and calicoctl then use it.</summary>
    public static async Task<FabricEtcd> StartForAsync(TestHost host)
    {
        var etcd = await StartAsync(host);
        host.Settings["DATASTORE_TYPE"] = "etcdv3";
        host.Settings["ETCD_ENDPOINTS"] = Endpoint;
        await host.ShellAsync("cat > /etc/calico/calicoctl.cfg", $$"""
            apiVersion: projectcalico.org/v3
            kind: CalicoAPIConfig
            metadata: {}
            spec: {datastoreType: etcdv3, etcdEndpoints: "{{Endpoint}}"}
            """);
        return etcd;
    }

    /// <summary>Runs etcdctl beside etcd: no trouble of the path touches it.</summary>
    public async Task<string> EtcdctlAsync(params string[] arguments) => (await TryEtcdctlAsync(arguments)).OrThrow().Output;

    /// <summary>From now on no packet of a client arrives, and none leaves for one. Standing connections are not told.</summary>
    public Task SwallowAsync() => InFabricAsync(["nft", "-f", "-"], """
        table inet swallow {
          chain in { type filter hook input priority -400; iif "lo" accept; tcp dport 12379 drop; }
          chain out { type filter hook output priority -400; oif "lo" accept; tcp sport 12379 drop; }
        }
        """);

    /// <summary>The path works again.</summary>
    public Task RestoreAsync() => InFabricAsync(["nft", "delete", "table", "inet", "swallow"]);

    /// <summary>From now on it works a moment and is held three tenths of a second, again and again: almost every answer is late.</summary>
    public void Slow() => _brake = Process.Start("bash",
        ["-c", $"while kill -STOP {_process.Id}; do sleep 0.3; kill -CONT {_process.Id}; sleep 0.05; done"]);

    /// <summary>As fast as before.</summary>
    public async Task HurryAsync()
    {
        if (_brake is { } brake)
        {
            _brake = null;
            brake.Kill(entireProcessTree: true);
            await brake.WaitForExitAsync();
            brake.Dispose();
            (await CommandResult.RunAsync(["kill", "-CONT", $"{_process.Id}"])).OrThrow();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await HurryAsync();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private Task<CommandResult> TryEtcdctlAsync(string[] arguments) => CommandResult.RunAsync(
        ["ip", "netns", "exec", _fabric, "etcdctl", $"--endpoints={Endpoint}", .. arguments],
        environment: new Dictionary<string, string> { ["ETCDCTL_API"] = "3" }, limit: TimeSpan.FromSeconds(20));

    private async Task InFabricAsync(string[] command, string? input = null) =>
        (await CommandResult.RunAsync(["ip", "netns", "exec", _fabric, .. command], input)).OrThrow();
}
