using Calico.TestKit.Hosts;

namespace Calico.Benchmarks.Scenarios;

/// <summary>The shim alone, start to exit, against Go's <c>loopback</c> plugin.</summary>
public static class ShimScenario
{
    public static async Task RunAsync(NativeTools tools, ResultTable table, int runs)
    {
        await using var host = await TestHost.StartAsync(62);
        host.Settings["CALICO_LOG_LEVEL"] = "info";
        await host.StartCalicoAsync();
        await host.ShellAsync(
            $"mkdir -p /opt/cni/bin; cp {host.Programs}/bin/calico-shim /opt/cni/bin/calico; cp /usr/lib/cni/loopback /opt/cni/bin/");
        // STATUS goes through the host, which answers at once from memory.
        await host.ShellAsync("cat > /run/status.json",
            """{"cniVersion":"1.1.0","name":"bench","type":"calico","ipam":{"type":"calico-ipam"}}""");
        await host.ShellAsync("cat > /run/loopback.json", """{"cniVersion":"1.0.0","name":"lo","type":"loopback"}""");
        await host.ShellAsync("ip netns add l0");
        var pairs = new List<(double Shim, double Loopback, double Version, double LoopbackVersion)>();
        for (var i = 0; i <= runs; i++)
        {
            var shim = await tools.SpawnAsync(host, 100, 1, 0, "/run/status.json", "/opt/cni/bin/calico", "CNI_COMMAND=STATUS",
                "CNI_PATH=/opt/cni/bin");
            var loopback = await tools.SpawnAsync(host, 100, 1, 0, "/run/loopback.json", "/opt/cni/bin/loopback", "CNI_COMMAND=ADD",
                "CNI_CONTAINERID=l", "CNI_NETNS=/run/netns/l0", "CNI_IFNAME=lo", "CNI_PATH=/opt/cni/bin");
            var version = await tools.SpawnAsync(host, 100, 1, 0, "/run/loopback.json", "/opt/cni/bin/calico", "CNI_COMMAND=VERSION",
                "CNI_PATH=/opt/cni/bin");
            var loopbackVersion = await tools.SpawnAsync(host, 100, 1, 0, "/run/loopback.json", "/opt/cni/bin/loopback",
                "CNI_COMMAND=VERSION", "CNI_PATH=/opt/cni/bin");
            if (i > 0)
            {
                pairs.Add((shim.Runs.P50, loopback.Runs.P50, version.Runs.P50, loopbackVersion.Runs.P50));
            }
        }

        table.AddRatio("shim through the host and back, against loopback ADD", Mid(pairs.Select(p => p.Shim)),
            Mid(pairs.Select(p => p.Loopback)), "ms", 1.1);
        table.AddRatio("shim VERSION against loopback VERSION", Mid(pairs.Select(p => p.Version)),
            Mid(pairs.Select(p => p.LoopbackVersion)), "ms", 1.1);
        var size = new FileInfo(Path.Combine(host.Programs, "bin", "calico-shim")).Length / 1048576.0;
        var peer = new FileInfo("/usr/lib/cni/loopback").Length / 1048576.0;
        table.Add("size of the shim", $"{size:0.00} MiB", $"{peer:0.00} MiB (loopback)", size / peer, "none", true);
    }

    private static double Mid(IEnumerable<double> values) => new Series(values).P50;
}
