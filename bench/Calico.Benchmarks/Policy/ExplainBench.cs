using System.Diagnostics;
using Calico.Datastore.Etcd;
using Calico.Datastore.Store;

using Calico.Felix.Explaining;
using Calico.TestKit.Hosts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Benchmarks.Policy;

/// <summary>One question of <c>calicoctl explain</c> beside ten thousand policies: once they are compiled, and by the published program,
/// which
/// reads and compiles everything first.</summary>
internal static class ExplainBench
{
    private const int Endpoints = 1_000;
    private const int Groups = 100;
    private const int Sets = 1_000;
    private const int MembersOfSet = 20;
    private const int Questions = 200;
    private const int Runs = 5;

    // etcd takes 128 operations a transaction.
    private const int Batch = 100;

    public static async Task RunAsync(ResultTable table, int policies)
    {
        StoredValue[] values =
        [
            PolicyResources.OpenProfile, .. Enumerable.Range(0, Sets).Select(s => PolicyResources.Set(s, MembersOfSet)),
            .. PolicyResources.OfGroups(policies, Groups, Sets),
            .. Enumerable.Range(0, Endpoints).Select(e => PolicyResources.Stored(e, ("group", $"g{e % Groups}"))),
        ];
        var loading = 0.0;
        ClusterPolicy? compiled = null;
        for (var run = 0; run < 2; run++)
        {
            // The first compiles our own code.
            var begun = Stopwatch.GetTimestamp();
            compiled = ClusterPolicy.Compile(values.Select(v => v.Decode()));
            loading = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }

        var asked = new List<double>();
        var ends = compiled!.Endpoints.Select(e => new PolicyPeer(e.Key, e.Addresses[0])).ToList();
        for (var question = 0; question < Questions; question++)
        {
            var begun = Stopwatch.GetTimestamp();
            var said = compiled.Explain(ends[question], ends[^(question + 1)], 6, 80, null);
            asked.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            if (said.Allowed || said.Directions[^1].Steps.Sum(s => s.Rules.Length) < policies / Groups)
            {
                throw new InvalidOperationException($"{policies / Groups} policies should have been asked, and the tier's end deny");
            }
        }

        var (p50, p99) = (new Series(asked).P50, new Series(asked).P99);
        table.Add($"explain at {policies} policies, one question, p50, against reading and compiling the states", $"{p50:0.00} ms",
            $"{loading:0} ms",
            p50 / loading, "≤ 5 ms", p50 <= 5);
        table.Add("the same, p99", $"{p99:0.00} ms", $"{policies / Groups * 3 + 1} rules visited", double.NaN, "none", met: true);
        table.AddRatio($"calicoctl explain at {policies} policies, exec to exit, against reading and compiling the states",
            await AskAsync(values), loading, "ms", 2);
    }

    /// <summary>With the host's embedded store, by its socket.</summary>
    private static async Task<double> AskAsync(StoredValue[] values)
    {
        await using var host = await TestHost.StartAsync(64);
        var folder = Path.Combine(host.Folder, "run-calico");
        (host.Settings["CALICO_LOG_LEVEL"], host.Settings["CALICO_RUN_DIR"]) = ("info", folder);
        await host.StartCalicoAsync(waitReady: false);
        await host.ShellAsync($"until curl -sf --unix-socket {folder}/host.sock http://host/ready >/dev/null; do sleep 0.05; done");
        await using (var store = new EtcdStore(new() { Endpoints = [$"unix://{folder}/store.sock"] }, TimeProvider.System,
            NullLogger.Instance))
        {
            foreach (var chunk in values.Select(StoreOperation (v) => new StoreOperation.Put(v.Path, v.Bytes)).Chunk(Batch))
            {
                await store.CommitAsync(new([], [.. chunk], []), CancellationToken.None);
            }
        }

        var took = new List<double>();
        for (var run = 0; run < Runs; run++)
        {
            var command = $"CALICO_RUN_DIR={folder} calicoctl explain --from 12.0.0.1 --to 12.0.0.2 --port 80";
            var result = (await host.RunAsync(["bash", "-c", command])).OrThrow();
            if (!result.Output.Contains("end of the tier", StringComparison.Ordinal))
            {
                throw new InvalidOperationException($"it says: {result.Output}");
            }

            took.Add(result.Elapsed.TotalMilliseconds);
        }

        return new Series(took).P50;
    }
}
