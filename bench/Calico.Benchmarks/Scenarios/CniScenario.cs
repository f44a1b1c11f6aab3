using Calico.TestKit.Hosts;

namespace Calico.Benchmarks.Scenarios;

/// <summary>CNI ADD and DEL, exec to exit, in turn with ptp + host-local on the same machine and of the same run.</summary>
/// <remarks>Two peers: one that masquerades what leaves the pool, as our default pool does and as ptp is set up for nodes, and one that
/// does less than we do: no masquerade. Neither has policy, and host-local syncs nothing to the disk.</remarks>
public static class CniScenario
{
    private const int Batch = 100;

    private static readonly Subject Ours = new("ours", "calico", "o",
        """{"cniVersion":"1.0.0","name":"bench","type":"calico","ipam":{"type":"calico-ipam"}}""");

    private static readonly Subject[] Peers =
    [
        new("ptp + host-local, ipMasq", "ptp", "m",
            """{"cniVersion":"1.0.0","name":"peer","type":"ptp","ipMasq":true,"ipam":{"type":"host-local","subnet":"10.200.0.0/16"}}""",
            0.35),
        new("ptp + host-local, no masquerade", "ptp", "p",
            """{"cniVersion":"1.0.0","name":"plain","type":"ptp","ipam":{"type":"host-local","subnet":"10.201.0.0/16"}}""", 0.5),
    ];

    public static async Task RunAsync(NativeTools tools, ResultTable table, int runs)
    {
        await using var host = await TestHost.StartAsync(61);
        host.Settings["CALICO_LOG_LEVEL"] = "info";
        await host.StartCalicoAsync();
        await host.ShellAsync(
            $"mkdir -p /opt/cni/bin; cp {host.Programs}/bin/calico-shim /opt/cni/bin/calico; cp {host.Programs}/bin/calico-shim "
                + "/opt/cni/bin/calico-ipam; cp /usr/lib/cni/* /opt/cni/bin/");
        foreach (var subject in (Subject[])[Ours, .. Peers])
        {
            await host.ShellAsync($"cat > /run/{subject.Prefix}.json", subject.Conf);
            await host.ShellAsync($"for i in $(seq 0 {Batch - 1}); do ip netns add {subject.Prefix}$i; done");
        }

        // Warm: the host's first calls are compiled, the peers' files are cached.
        for (var i = 0; i < 3; i++)
        {
            await RoundAsync(tools, host, 1, Ours);
        }

        var alone = new List<Dictionary<Subject, Figures>>();
        var together = new List<Dictionary<Subject, Figures>>();
        var floors = new List<(double Echo, double Transaction, double Wiring)>();
        await using (var floor = await AddFloor.MakeAsync(tools, host))
        {
            for (var i = 0; i < runs; i++)
            {
                alone.Add(await RoundAsync(tools, host, 1, [Ours, .. Peers]));
                floors.Add(await floor.MeasureAsync());
            }
        }

        for (var i = 0; i < runs; i++)
        {
            together.Add(await RoundAsync(tools, host, Batch, [Ours, .. Peers]));
        }

        foreach (var peer in Peers)
        {
            void Compare(string measure, List<Dictionary<Subject, Figures>> rounds, Func<Figures, double> ours,
                Func<Figures, double> theirs, double most) =>
                table.AddRatio($"{measure}, against {peer.Name}", Mid(rounds.Select(r => ours(r[Ours]))),
                    Mid(rounds.Select(r => theirs(r[peer]))), "ms", most);

            Compare("CNI ADD, one at a time, p50", alone, f => f.Add.P50, f => f.Add.P50, peer.MostOfAdd);
            Compare("CNI ADD, p99, their p50", alone, f => f.Add.P99, f => f.Add.P50, 1);
            Compare("CNI DEL, one at a time, p50", alone, f => f.Delete.P50, f => f.Delete.P50, 0.2);
            Compare("CNI DEL, p99", alone, f => f.Delete.P99, f => f.Delete.P99, 0.35);
            Compare($"{Batch} ADDs at once, to the last answer", together, f => f.AddWall, f => f.AddWall, 0.4);
            Compare($"{Batch} ADDs at once, p99 of one", together, f => f.Add.P99, f => f.Add.P99, 0.4);
            Compare($"{Batch} DELs at once, to the last answer", together, f => f.DeleteWall, f => f.DeleteWall, 0.4);
        }

        var warm = Mid(alone.Select(r => r[Ours].Add.P50));
        var (echo, transaction, wiring) = (Mid(floors.Select(f => f.Echo)), Mid(floors.Select(f => f.Transaction)),
            Mid(floors.Select(f => f.Wiring)));
        var least = echo + transaction + wiring;
        table.Add("CNI ADD, p50, against its floor: shim and back, a durable transaction, wiring in C", $"{warm:0.##} ms",
            $"{echo:0.##} + {transaction:0.##} + {wiring:0.##} ms", warm / least, "≤ 1.3 ×", warm / least <= 1.3);
        var (first, pause) = (await FirstAsync(tools, host, runs, TimeSpan.Zero),
            await FirstAsync(tools, host, runs, TimeSpan.FromSeconds(2)));
        table.AddRatio("first ADD after a start, as soon as it is ready, against a warm one", first, warm, "ms", 3);
        table.AddRatio("first ADD after a start, two seconds later, against a warm one", pause, warm, "ms", 3);
    }

    /// <summary>Median of what the first ADD of a process takes, so long after it said that it is ready.</summary>
    private static async Task<double> FirstAsync(NativeTools tools, TestHost host, int runs, TimeSpan after)
    {
        var firsts = new List<double>();
        for (var i = 0; i < Math.Max(3, runs); i++)
        {
            await host.StopCalicoAsync();
            await host.StartCalicoAsync();
            await Task.Delay(after);
            firsts.Add((await CallAsync(tools, host, "ADD", Ours, 1, 1)).Runs.P50);
            await CallAsync(tools, host, "DEL", Ours, 1, 1);
        }

        return Mid(firsts);
    }

    private static async Task<Dictionary<Subject, Figures>> RoundAsync(NativeTools tools, TestHost host, int parallel,
        params Subject[] subjects)
    {
        var adds = new Dictionary<Subject, (Series Runs, double Wall)>();
        var figures = new Dictionary<Subject, Figures>();
        foreach (var subject in subjects)
        {
            adds[subject] = await CallAsync(tools, host, "ADD", subject, parallel);
        }

        foreach (var subject in subjects)
        {
            var (add, delete) = (adds[subject], await CallAsync(tools, host, "DEL", subject, parallel));
            figures[subject] = new(add.Runs, add.Wall, delete.Runs, delete.Wall);
            // Ours are reaped in bulk a moment after the answer: not while another is measured.
            await Task.Delay(300);
        }

        return figures;
    }

    private static Task<(Series Runs, double Wall)> CallAsync(NativeTools tools, TestHost host, string verb, Subject subject, int parallel,
        int count = Batch) =>
        tools.SpawnAsync(host, count, parallel, 0, $"/run/{subject.Prefix}.json", $"/opt/cni/bin/{subject.Program}", $"CNI_COMMAND={verb}",
            $"CNI_CONTAINERID=bench{subject.Prefix}%d", $"CNI_NETNS=/run/netns/{subject.Prefix}%d", "CNI_IFNAME=eth0",
            "CNI_PATH=/opt/cni/bin",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin");

    private static double Mid(IEnumerable<double> values) => new Series(values).P50;

    /// <param name="Name">For the table.</param>
    /// <param name="Program">In /opt/cni/bin.</param>
    /// <param name="Prefix">Of its namespaces.</param>
    /// <param name="Conf">Network configuration.</param>
    /// <param name="MostOfAdd">What our ADD may take of its, one at a time.</param>
    private sealed record Subject(string Name, string Program, string Prefix, string Conf, double MostOfAdd = 1);

    private sealed record Figures(Series Add, double AddWall, Series Delete, double DeleteWall);
}
