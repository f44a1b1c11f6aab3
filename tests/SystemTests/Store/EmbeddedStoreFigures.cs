using System.Diagnostics;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.SystemTests.Store;

/// <summary>Prints what the store does on this machine; docs/design/store.md has a run.</summary>
[Explicit("figures, not assertions")]
public sealed class EmbeddedStoreFigures
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private static readonly byte[] Value = new byte[300];

    [Test]
    public async Task Print()
    {
        var folder = Directory.CreateTempSubdirectory("calico-figures-").FullName;
        try
        {
            await using (var engine = await OpenAsync(folder))
            {
                await MeasureAsync("durable transactions, one caller", engine.Store, callers: 1, each: 2000);
                await MeasureAsync("durable transactions, 8 callers", engine.Store, callers: 8, each: 1000);
                await MeasureAsync("durable transactions, 64 callers", engine.Store, callers: 64, each: 500);
                await JointAsync(engine);
                await using var server = await EtcdApiServer.StartAsync(engine,
                    new EtcdApiOptions { SocketPath = Path.Combine(folder, "s") },
                    NullLoggerFactory.Instance, Ct);
                await using var client = EmbeddedServer.Connect($"unix://{folder}/s");
                await MeasureAsync("through the unix socket, one caller", client, callers: 1, each: 2000);
                await MeasureAsync("through the unix socket, 64 callers", client, callers: 64, each: 200);
                for (var i = 0; i < 10_000; i += 100)
                {
                    var from = i;
                    await engine.Store.CommitAsync(new StoreTransaction([.. Enumerable.Range(from, 100)
                        .Select(n => new StoreOperation.Put($"/calico/resources/v3/projectcalico.org/workloadendpoints/default/node-{n:d6}",
                            Value))]), Ct);
                }

                var clock = Stopwatch.StartNew();
                var list = await engine.Store.ListAsync("/calico/resources/", 0, Ct);
                Line("list of 10,000 in memory", clock);
                clock.Restart();
                await client.ListAsync("/calico/resources/", 0, Ct);
                Line($"list of {list.Items.Length} through the socket", clock);
                clock.Restart();
                await engine.CompactAsync(list.Revision, Ct);
                Line("compaction of everything", clock);
            }

            for (var i = 0; i < 3; i++)
            {
                var clock = Stopwatch.StartNew();
                await using var engine = await OpenAsync(folder);
                Line("open with 10,000 keys and more", clock);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        await using var etcd = await EtcdProcess.StartAsync();
        await using var store = EmbeddedServer.Connect(etcd.Endpoint);
        await store.GetAsync("/", 0, Ct);
        await MeasureAsync("etcd 3.4 beside it, one caller", store, callers: 1, each: 1000);
        await MeasureAsync("etcd 3.4 beside it, 64 callers", store, callers: 64, each: 200);
    }

    private static async Task JointAsync(EmbeddedEngine engine)
    {
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 1000; i++)
        {
            await engine.Log.CommitAsync(engine.Store, new StoreTransaction(new StoreOperation.Put($"/joint/{i % 100}", Value)),
                [new NodeLogWrite($"endpoints/{i % 100}", Value)], Ct);
        }

        TestContext.Out.WriteLine($"transaction with a log write, one caller: {1000 / clock.Elapsed.TotalSeconds:F0}/s");
    }

    private static async Task MeasureAsync(string what, IKeyValueStore store, int callers, int each)
    {
        var all = new List<double>[callers];
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(c => Task.Run(async () =>
        {
            var times = all[c] = [];
            var revision = 0L;
            var key = $"/figures/{what.Length}/{c}";
            revision = (await store.CommitAsync(new StoreTransaction(new StoreOperation.Put(key, Value)), Ct)).Revision;
            for (var i = 0; i < each; i++)
            {
                var start = Stopwatch.GetTimestamp();
                var outcome = await store.CommitAsync(
                    new StoreTransaction([StoreCompare.At(key, revision)], [new StoreOperation.Put(key, Value)], []), Ct);
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                revision = outcome.Revision;
                Assert.That(outcome.Succeeded);
            }
        })));
        var sorted = all.SelectMany(t => t).Order().ToList();
        TestContext.Out.WriteLine($"{what}: {sorted.Count / clock.Elapsed.TotalSeconds:F0}/s, median {sorted[sorted.Count / 2]:F2} ms, "
            + $"p99 {sorted[sorted.Count * 99 / 100]:F2} ms");
    }

    private static void Line(string what, Stopwatch clock) => TestContext.Out.WriteLine($"{what}: {clock.Elapsed.TotalMilliseconds:F1} ms");

    private static Task<EmbeddedEngine> OpenAsync(string folder) => EmbeddedEngine.OpenAsync(
        new EmbeddedStoreOptions { Path = Path.Combine(folder, "calico.db"), MachineId = "m", NodeName = "n" },
        TimeProvider.System, NullLogger.Instance, Ct);
}
