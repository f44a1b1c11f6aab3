using System.Diagnostics;
using System.Runtime;
using System.Text;
using Calico.Datastore.Etcd;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.Ipam;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Benchmarks.Scenarios;

/// <summary>Assign + release per second against the store's own transactions of the same size, embedded and on etcd of the same machine.
/// </summary>
public static class IpamScenario
{
    private const int MostToWarm = 8;

    /// <summary>Methods compiled in a round that is warm: stragglers, no hot ones.</summary>
    private const int Quiet = 20;

    private static readonly TimeSpan Length = TimeSpan.FromSeconds(3);

    public static async Task RunAsync(ResultTable table, int runs)
    {
        var folder = Path.Combine("/var/tmp", $"calico-bench-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        try
        {
            await using var engine = await EmbeddedEngine.OpenAsync(
                new() { Path = Path.Combine(folder, "calico.db"), MachineId = "bench", NodeName = "bench" },
                TimeProvider.System, NullLogger.Instance, CancellationToken.None);
            await MeasureAsync(table, "embedded store", engine.Store, engine.Log, runs);

            var port = 20000 + Environment.ProcessId % 20000;
            using var etcd = Process.Start(new ProcessStartInfo("etcd",
                ["--data-dir", Path.Combine(folder, "etcd"), "--listen-client-urls", $"http://127.0.0.1:{port}", "--advertise-client-urls",
                    $"http://127.0.0.1:{port}",
                    "--listen-peer-urls", $"http://127.0.0.1:{port + 1}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{port + 1}",
                        "--initial-cluster", $"default=http://127.0.0.1:{port + 1}"])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            })!;
            etcd.BeginErrorReadLine();
            etcd.BeginOutputReadLine();
            try
            {
                await using var store = new EtcdStore(new() { Endpoints = [$"http://127.0.0.1:{port}"] }, TimeProvider.System,
                    NullLogger.Instance);
                await AnswersAsync(store);
                await MeasureAsync(table, "etcd on this machine", store, engine.Log, runs);
            }
            finally
            {
                etcd.Kill();
                await etcd.WaitForExitAsync();
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(ResultTable table, string name, IKeyValueStore store, INodeLog log, int runs)
    {
        var node = "bench-" + name.Replace(' ', '-');
        await PutAsync(store, Kinds.Node, Kinds.Node.New(node, new NodeSpec()));
        await PutAsync(store, Kinds.IpPool, Kinds.IpPool.New("bench", new IpPoolSpec { Cidr = "10.77.0.0/16" }));
        await using var ipam = new NodeIpam(store, log, new(log, store, TimeProvider.System, NullLogger<Outbox>.Instance),
            new() { NodeName = node, StorePatience = TimeSpan.FromSeconds(2) }, TimeProvider.System, NullLogger<NodeIpam>.Instance);
        await ipam.LoadAsync(CancellationToken.None);
        foreach (var workers in (int[])[1, 64])
        {
            Task<double> OwnAsync() => RateAsync(workers, async (worker, n) =>
            {
                var claim = new AddressClaim { Handle = $"b.{worker}.{n}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 };
                var leases = await ipam.ClaimAsync("bench", claim, null, null, CancellationToken.None);
                await ipam.ReleaseAsync("bench", leases[0], CancellationToken.None);
                return 2;
            });
            // A block and a handle, as long as ours.
            var block = Encoding.UTF8.GetBytes(new string('b', 1500));
            var handle = Encoding.UTF8.GetBytes(new string('h', 60));
            Task<double> FloorAsync() => RateAsync(workers, async (worker, n) =>
            {
                await store.CommitAsync(new([], [new StoreOperation.Put($"/bench/block/{worker}", block),
                    new StoreOperation.Put($"/bench/handle/{worker}.{n}", handle)], []), CancellationToken.None);
                await store.CommitAsync(new([], [new StoreOperation.Put($"/bench/block/{worker}", block),
                    new StoreOperation.Delete($"/bench/handle/{worker}.{n}")], []), CancellationToken.None);
                return 2;
            });
            await WarmAsync(FloorAsync);
            await WarmAsync(OwnAsync);
            var ours = new List<double>();
            var raw = new List<double>();
            for (var i = 0; i < Math.Min(runs, 3); i++)
            {
                ours.Add(await OwnAsync());
                raw.Add(await FloorAsync());
            }

            var (o, r) = (new Series(ours).P50, new Series(raw).P50);
            table.Add($"IPAM on the {name}, {workers} at a time, assigns and releases", $"{o:0} /s", $"{r:0} /s (raw transactions)", o / r,
                "≥ 0.8 ×", o / r >= 0.8);
        }
    }

    /// <summary>Rounds until the compiler is done with what they call. The host's code is compiled ahead of time, the bench's is not:
    /// on two cores that takes ten seconds of IPAM, and less of the floor.</summary>
    private static async Task WarmAsync(Func<Task<double>> round)
    {
        for (var i = 0; i < MostToWarm; i++)
        {
            var compiled = JitInfo.GetCompiledMethodCount();
            await round();
            if (JitInfo.GetCompiledMethodCount() - compiled < Quiet)
            {
                return;
            }
        }
    }

    private static async Task<double> RateAsync(int workers, Func<int, int, Task<int>> work)
    {
        var clock = Stopwatch.StartNew();
        var counts = await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            var done = 0;
            for (var n = 0; clock.Elapsed < Length; n++)
            {
                done += await work(worker, n);
            }

            return done;
        })));
        return counts.Sum() / clock.Elapsed.TotalSeconds;
    }

    private static async Task PutAsync(IKeyValueStore store, ResourceKind kind, Resource resource) =>
        await store.CommitAsync(new StoreTransaction(new StoreOperation.Put(kind.Path(kind.KeyOf(resource)), kind.Encode(resource))),
            CancellationToken.None);

    private static async Task AnswersAsync(IKeyValueStore store)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                await store.GetAsync("x", 0, CancellationToken.None);
                return;
            }
            catch (CalicoException) when (i < 100)
            {
                await Task.Delay(50);
            }
        }
    }
}
