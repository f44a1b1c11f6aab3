using Calico.TestKit.Hosts;

namespace Calico.Benchmarks.Scenarios;

/// <summary>CNI ADD and DEL, exec to exit, in turn with ptp + host-local on the same machine and of the same run.</summary>
public static class CniScenario
{
    private const string OurConf = """{"cniVersion":"1.0.0","name":"bench","type":"calico","ipam":{"type":"calico-ipam"}}""";
    private const string PeerConf = """{"cniVersion":"1.0.0","name":"peer","type":"ptp","ipam":{"type":"host-local","subnet":"10.200.0.0/16"}}""";

    public static async Task RunAsync(NativeTools tools, ResultTable table, int runs)
    {
        await using var host = await TestHost.StartAsync(61);
        host.Settings["CALICO_LOG_LEVEL"] = "info";
        await host.StartCalicoAsync();
        await host.ShellAsync($"mkdir -p /opt/cni/bin; cp {host.Programs}/bin/calico-shim /opt/cni/bin/calico; cp {host.Programs}/bin/calico-shim /opt/cni/bin/calico-ipam; cp /usr/lib/cni/* /opt/cni/bin/");
        await host.ShellAsync("cat > /run/ours.json", OurConf);
        await host.ShellAsync("cat > /run/peer.json", PeerConf);
        const int batch = 100;
        await host.ShellAsync($"for i in $(seq 0 {batch - 1}); do ip netns add o$i; ip netns add p$i; done");

        // Warm: the host's first calls are compiled, the peer's files are cached.
        await Round(tools, host, 20, 1);
        var ours = (Add: new List<Series>(), Delete: new List<Series>());
        var peer = (Add: new List<Series>(), Delete: new List<Series>());
        for (var i = 0; i < runs; i++)
        {
            var (oa, od, pa, pd) = await Round(tools, host, batch, 1);
            ours.Add.Add(oa.Runs);
            ours.Delete.Add(od.Runs);
            peer.Add.Add(pa.Runs);
            peer.Delete.Add(pd.Runs);
        }

        table.AddRatio("CNI ADD, one at a time, p50 against ptp + host-local", Median(ours.Add, s => s.P50), Median(peer.Add, s => s.P50), "ms", 0.35);
        table.AddRatio("CNI ADD, p99 against their p50", Median(ours.Add, s => s.P99), Median(peer.Add, s => s.P50), "ms", 1);
        table.AddRatio("CNI DEL, one at a time, p50", Median(ours.Delete, s => s.P50), Median(peer.Delete, s => s.P50), "ms", 0.2);
        table.AddRatio("CNI DEL, p99 against their p99", Median(ours.Delete, s => s.P99), Median(peer.Delete, s => s.P99), "ms", 0.35);

        var together = new List<(double Ours, double Peer, double OursDelete, double PeerDelete, double P99, double PeerP99)>();
        for (var i = 0; i < runs; i++)
        {
            var (oa, od, pa, pd) = await Round(tools, host, batch, batch);
            together.Add((oa.Wall, pa.Wall, od.Wall, pd.Wall, oa.Runs.P99, pa.Runs.P99));
        }

        table.AddRatio($"{batch} ADDs at once, until the last has answered", Mid(together.Select(t => t.Ours)), Mid(together.Select(t => t.Peer)), "ms", 0.4);
        table.AddRatio($"{batch} ADDs at once, p99 of a single one", Mid(together.Select(t => t.P99)), Mid(together.Select(t => t.PeerP99)), "ms", 0.4);
        table.AddRatio($"{batch} DELs at once, until the last has answered", Mid(together.Select(t => t.OursDelete)), Mid(together.Select(t => t.PeerDelete)), "ms", 0.4);
    }

    private static async Task<((Series Runs, double Wall) OurAdd, (Series Runs, double Wall) OurDelete, (Series Runs, double Wall) PeerAdd, (Series Runs, double Wall) PeerDelete)> Round(
        NativeTools tools, TestHost host, int count, int parallel)
    {
        var ours = await Call("ADD", "ours", "calico", "o");
        var peer = await Call("ADD", "peer", "ptp", "p");
        var ourDelete = await Call("DEL", "ours", "calico", "o");
        var peerDelete = await Call("DEL", "peer", "ptp", "p");
        // Links are reaped in bulk a moment after the answer; the next round starts from nothing.
        await Task.Delay(300);
        return (ours, ourDelete, peer, peerDelete);

        Task<(Series, double)> Call(string verb, string conf, string program, string prefix) =>
            tools.SpawnAsync(host, count, parallel, 0, $"/run/{conf}.json", $"/opt/cni/bin/{program}",
                $"CNI_COMMAND={verb}", $"CNI_CONTAINERID=bench{prefix}%d", $"CNI_NETNS=/run/netns/{prefix}%d", "CNI_IFNAME=eth0", "CNI_PATH=/opt/cni/bin", "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
    }

    private static double Median(List<Series> series, Func<Series, double> of) => Mid(series.Select(of));

    private static double Mid(IEnumerable<double> values) => new Series(values).P50;
}
