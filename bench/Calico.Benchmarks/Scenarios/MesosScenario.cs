using System.Diagnostics;
using System.Net.Sockets;
using Calico.Plugins.Mesos.V1;
using Calico.TestKit.Hosts;
using Grpc.Net.Client;

namespace Calico.Benchmarks.Scenarios;

/// <summary>A container's isolate and cleanup by the agent's ways, in turn: a call over gRPC, <c>calico_mesos</c> from exec to exit, and
/// the CNI plugin from exec to exit, as Mesos' own isolator runs it.</summary>
/// <remarks>Over gRPC and by <c>calico_mesos</c> the address was taken before, as the protocols have it; the CNI plugin takes it in its
/// ADD.</remarks>
public static class MesosScenario
{
    private const int Tasks = 40;

    private const string Command = "/opt/cni/bin/calico_mesos";

    public static async Task RunAsync(NativeTools tools, ResultTable table, int runs)
    {
        await using var host = await TestHost.StartAsync(64);
        host.Settings["CALICO_LOG_LEVEL"] = "info";
        await host.ShellAsync(
            $"mkdir -p /opt/cni/bin; for n in calico calico_mesos; do cp {host.Programs}/bin/calico-shim /opt/cni/bin/$n; done");
        await host.StartCalicoAsync();
        var pids = await StartTasksAsync(host);
        using var channel = Connect(host);
        var isolator = new Isolator.IsolatorClient(channel);
        var times = new Dictionary<string, List<double>>();
        // The first round warms.
        for (var run = -1; run < runs; run++)
        {
            foreach (var (name, took) in await GrpcAsync(isolator, pids, run))
            {
                Keep(name, took);
            }

            foreach (var (name, took) in await NetModulesAsync(tools, host, pids))
            {
                Keep(name, took);
            }

            foreach (var (name, took) in await CniAsync(tools, host))
            {
                Keep(name, took);
            }

            void Keep(string name, IEnumerable<double> took)
            {
                if (run >= 0)
                {
                    (times.TryGetValue(name, out var all) ? all : times[name] = []).AddRange(took);
                }
            }
        }

        foreach (var verb in (string[])["isolate", "cleanup"])
        {
            var cni = new Series(times[$"cni {verb}"]);
            // A process a call, and the container's document beside its endpoint's: a commit more than an ADD or a DEL.
            foreach (var (way, most) in new[] { ("gRPC", 1.2), ("calico_mesos", 2.0) })
            {
                var ours = new Series(times[$"{way} {verb}"]);
                table.AddRatio($"mesos: {verb} by {way}, against the CNI way, p50", ours.P50, cni.P50, "ms", most);
                table.AddRatio($"mesos: {verb} by {way}, against the CNI way, p99", ours.P99, cni.P99, "ms", 2);
            }
        }
    }

    private static async Task<(string Name, IEnumerable<double> Took)[]> GrpcAsync(Isolator.IsolatorClient isolator, string[] pids, int run)
    {
        var (isolate, cleanup) = (new List<double>(), new List<double>());
        for (var n = 0; n < pids.Length; n++)
        {
            var id = new ContainerID { Value = $"g{run + 1}-{n}" };
            await isolator.PrepareAsync(new() { ContainerId = id, NetworkInfos = { new NetworkInfo { Name = "bench" } } });
            var clock = Stopwatch.StartNew();
            await isolator.IsolateAsync(new() { ContainerId = id, Pid = uint.Parse(pids[n]) });
            isolate.Add(clock.Elapsed.TotalMilliseconds);
        }

        for (var n = 0; n < pids.Length; n++)
        {
            var clock = Stopwatch.StartNew();
            await isolator.CleanupAsync(new() { ContainerId = new() { Value = $"g{run + 1}-{n}" } });
            cleanup.Add(clock.Elapsed.TotalMilliseconds);
        }

        return [("gRPC isolate", isolate), ("gRPC cleanup", cleanup)];
    }

    private static async Task<(string Name, IEnumerable<double> Took)[]> NetModulesAsync(NativeTools tools, TestHost host, string[] pids)
    {
        var script = $$$"""
            n=0
            for pid in {{{string.Join(' ', pids)}}}; do
              ip=$(echo '{"command":"allocate","args":{"hostname":"h","num_ipv4":1,"num_ipv6":0,"uid":"bench-'$n'"}}' \
                | {{{Command}}} | sed 's/.*"ipv4":\["\([^"]*\)".*/\1/')
              echo '{"command":"isolate","args":{"hostname":"h","container_id":"m'$n'",
              "pid":'$pid',"ipv4_addrs":["'$ip'"],"netgroups":["bench"]}}' > /run/isolate.$n
              echo '{"command":"cleanup","args":{"hostname":"h","container_id":"m'$n'"}}' > /run/cleanup.$n
              n=$((n + 1))
            done
            """;
        await host.ShellAsync(script);
        var isolate = await tools.SpawnAsync(host, pids.Length, 1, 0, "/run/isolate.%d", Command);
        var cleanup = await tools.SpawnAsync(host, pids.Length, 1, 0, "/run/cleanup.%d", Command);
        return [("calico_mesos isolate", isolate.Runs.Values), ("calico_mesos cleanup", cleanup.Runs.Values)];
    }

    private static async Task<(string Name, IEnumerable<double> Took)[]> CniAsync(NativeTools tools, TestHost host)
    {
        await host.ShellAsync("cat > /run/cni.json",
            """{"cniVersion":"0.2.0","name":"bench","type":"calico","ipam":{"type":"calico-ipam"}}""");
        string[] environment = ["CNI_CONTAINERID=c%d", "CNI_NETNS=/run/tasks/%d", "CNI_IFNAME=eth0", "CNI_PATH=/opt/cni/bin"];
        var add = await tools.SpawnAsync(host, Tasks, 1, 0, "/run/cni.json", "/opt/cni/bin/calico", ["CNI_COMMAND=ADD", .. environment]);
        var del = await tools.SpawnAsync(host, Tasks, 1, 0, "/run/cni.json", "/opt/cni/bin/calico", ["CNI_COMMAND=DEL", .. environment]);
        return [("cni isolate", add.Runs.Values), ("cni cleanup", del.Runs.Values)];
    }

    /// <summary>Processes in network namespaces of their own; <c>/run/tasks/N</c> leads to the Nth's.</summary>
    private static async Task<string[]> StartTasksAsync(TestHost host)
    {
        var said = await host.ShellAsync($$"""
            mkdir -p /run/tasks
            for n in $(seq 0 {{Tasks - 1}}); do
              unshare -n sleep 3600 </dev/null >/dev/null 2>&1 &
              pid=$!
              while [ "$(readlink /proc/$pid/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done
              ln -s /proc/$pid/ns/net /run/tasks/$n
              echo $pid
            done
            """);
        return said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static GrpcChannel Connect(TestHost host) => GrpcChannel.ForAddress("http://mesos", new()
    {
        HttpHandler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, ct) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(host.Folder, "root/run/calico/mesos.sock")), ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        },
    });
}
