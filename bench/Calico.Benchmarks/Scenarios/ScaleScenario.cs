using System.Diagnostics;
using System.Globalization;
using Calico.Datastore.Etcd;
using Calico.TestKit.Hosts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Benchmarks.Scenarios;

/// <summary>What a host costs beside many endpoints of other nodes: memory once they have arrived and after a restart with endpoints of its
/// own, and how long each start takes.</summary>
public static class ScaleScenario
{
    private const double MostMegabytes = 250;
    private const double MostMilliseconds = 2000;
    private const int Locals = 200;
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <param name="table">Gets the figures.</param>
    /// <param name="counts">Endpoints of other nodes, a measurement each.</param>
    public static async Task RunAsync(ResultTable table, IEnumerable<int> counts)
    {
        foreach (var count in counts)
        {
            await EtcdAsync(table, count);
            await EmbeddedAsync(table, count);
        }
    }

    private static async Task EtcdAsync(ResultTable table, int count)
    {
        await using var host = await StartAsync();
        await FillEtcdAsync(Path.Combine(host.Folder, "etcd"), count);
        await using var etcd = await FabricEtcd.StartAsync(host);
        (host.Settings["DATASTORE_TYPE"], host.Settings["ETCD_ENDPOINTS"]) = ("etcdv3", FabricEtcd.Endpoint);
        await MeasureAsync(table, host, $"etcd, {count} endpoints of others");
    }

    private static async Task EmbeddedAsync(ResultTable table, int count)
    {
        await using var host = await StartAsync();
        await host.StartCalicoAsync(waitReady: false);
        await ReadyAsync(host);
        await using (var store = new EtcdStore(new() { Endpoints = [$"unix://{Folder(host)}/store.sock"] }, TimeProvider.System,
            NullLogger.Instance))
        {
            await RemoteEndpoints.WriteAsync(store, count, CancellationToken.None);
        }

        await host.StopCalicoAsync();
        await MeasureAsync(table, host, $"embedded, {count} endpoints of others");
    }

    private static async Task<TestHost> StartAsync()
    {
        var host = await TestHost.StartAsync(64);
        host.Settings["CALICO_LOG_LEVEL"] = "info";
        host.Settings["CALICO_RUN_DIR"] = Folder(host);
        return host;
    }

    private static async Task MeasureAsync(ResultTable table, TestHost host, string what)
    {
        foreach (var start in (string[])["first start", $"restart, {Locals} of its own"])
        {
            var clock = Stopwatch.StartNew();
            var starting = host.StartCalicoAsync(waitReady: false);
            await ReadyAsync(host);
            var ready = clock.Elapsed.TotalMilliseconds;
            await starting;
            await InSyncAsync(host);
            var inSync = clock.Elapsed.TotalMilliseconds;
            var arrived = await MemoryAsync(host);
            await Task.Delay(Settled);
            var settled = await MemoryAsync(host);
            table.Add($"{what}: {start}, exec to in sync", $"{inSync:0} ms", $"ready {ready:0}, CPU {arrived.Cpu:0.0} s", double.NaN,
                "≤ 2000 ms", inSync <= MostMilliseconds);
            table.Add($"{what}: {start}, resident", $"{settled.Resident:0} MiB",
                $"arrived {arrived.Resident:0}, anon. {settled.Anonymous:0}, peak {settled.Peak:0}", double.NaN, "≤ 250 MiB",
                settled.Resident <= MostMegabytes);
            if (start == "first start")
            {
                await ConnectAsync(host);
            }

            await host.StopCalicoAsync();
        }

        var log = await host.ShellAsync("du -cm /var/lib/calico | tail -1 | cut -f1");
        Console.WriteLine($"  {what}: {log.Trim()} MB in /var/lib/calico");
    }

    private static Task ConnectAsync(TestHost host) => host.ShellAsync($$"""
        export CNI_COMMAND=ADD CNI_IFNAME=eth0 CNI_PATH={{host.Programs}}/bin
        for i in $(seq {{Locals}}); do
          ip netns add l$i
          CNI_CONTAINERID=l$i CNI_NETNS=/run/netns/l$i {{host.Programs}}/bin/calico-shim \
            <<<'{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"} }'
        done
        """, limit: Patience);

    /// <summary>Where the host's sockets are, so that they are reached from outside.</summary>
    private static string Folder(TestHost host) => Path.Combine(host.Folder, "run-calico");

    private static Task ReadyAsync(TestHost host) =>
        host.ShellAsync($"until curl -sf --unix-socket {Folder(host)}/host.sock http://host/ready >/dev/null; do sleep 0.05; done",
            limit: Patience);

    private static async Task InSyncAsync(TestHost host)
    {
        var clock = Stopwatch.StartNew();
        while (!(await host.ShellAsync($"curl -s --unix-socket {Folder(host)}/host.sock http://host/metrics || true"))
            .Contains("felix_resync_state 3", StringComparison.Ordinal))
        {
            if (clock.Elapsed > Patience)
            {
                throw new InvalidOperationException($"the host does not come in sync\n{await host.TailAsync()}");
            }

            // Who asks without a pause takes one of two cores from whom it measures.
            await Task.Delay(20);
        }
    }

    private static async Task<(double Resident, double Anonymous, double Peak, double Cpu)> MemoryAsync(TestHost host)
    {
        var pid = (await host.ShellAsync("for p in /proc/[0-9]*; do if [ \"$(readlink $p/exe)\" = " + host.Programs
            + "/host/calico-host ]; then echo ${p#/proc/}; fi; done")).Trim();
        var status = (await host.ShellAsync($"cat /proc/{pid}/status")).Split('\n');
        var stat = (await host.ShellAsync($"cat /proc/{pid}/stat")).Split(')')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double Megabytes(string name) =>
            long.Parse(status.Single(l => l.StartsWith(name + ":", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;

        // proc(5): utime and stime are fields 14 and 15 in hundredths, counted from the pid; two stand before the bracket.
        var ticks = long.Parse(stat[11], CultureInfo.InvariantCulture) + long.Parse(stat[12], CultureInfo.InvariantCulture);
        return (Megabytes("VmRSS"), Megabytes("RssAnon"), Megabytes("VmHWM"), ticks / 100.0);
    }

    /// <summary>A member with the endpoints in its folder; it is started again beside the host.</summary>
    private static async Task FillEtcdAsync(string folder, int count)
    {
        var port = 20000 + (Environment.ProcessId * 2 % 20000);
        var (client, peer) = ($"http://127.0.0.1:{port}", $"http://127.0.0.1:{port + 1}");
        using var etcd = Process.Start(new ProcessStartInfo("etcd",
            ["--data-dir", folder, "--log-level=error", "--unsafe-no-fsync", "--listen-client-urls", client, "--advertise-client-urls",
                client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", $"default={peer}"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        etcd.BeginErrorReadLine();
        etcd.BeginOutputReadLine();
        try
        {
            await using var store = new EtcdStore(new() { Endpoints = [client] }, TimeProvider.System, NullLogger.Instance);
            for (var left = 100; ; left--)
            {
                try
                {
                    await store.GetAsync("x", 0, CancellationToken.None);
                    break;
                }
                catch (CalicoException) when (left > 0)
                {
                    await Task.Delay(50);
                }
            }

            await RemoteEndpoints.WriteAsync(store, count, CancellationToken.None);
        }
        finally
        {
            etcd.Kill();
            await etcd.WaitForExitAsync();
        }
    }
}
