using System.Diagnostics;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;

namespace Calico.Benchmarks.Policy;

/// <summary>The calculation alone, beside a quarter of a million endpoints of other nodes: until it is in sync, what it holds, and
/// changes a
/// second from then on; against the decoding of the same values, which nobody can leave out.</summary>
internal static class CalculationBench
{
    private const int Locals = 200;
    private const int Groups = 100;
    private const int Apps = 2_000;
    private const int Portion = 1_000;
    private const int Changes = 21_000;
    private const double Mebibyte = 1024 * 1024;

    /// <param name="table">Gets the figures.</param>
    /// <param name="policies">Each of some endpoint of this node.</param>
    /// <param name="endpoints">Of other nodes.</param>
    public static Task Run(ResultTable table, int policies, int endpoints)
    {
        Measure(policies / 20, endpoints / 20);
        var (before, took) = (GC.GetTotalMemory(forceFullCollection: true), Measure(policies, endpoints));
        var held = (GC.GetTotalMemory(forceFullCollection: true) - before) / Mebibyte;
        var size = $"{endpoints} endpoints, {policies} policies";
        table.Add($"calculation of {size}: to in sync, against decoding them", $"{took.Calculated:0} ms", $"{took.Decoded:0} ms",
            took.Calculated / took.Decoded, "≤ 5000 ms", took.Calculated <= 5000);
        table.Add("the same: managed memory that it holds", $"{held:0} MiB", $"{held * Mebibyte / endpoints:0} B an endpoint",
            double.NaN, "≤ 600 MiB",
            held <= 600);
        var (rate, decoding) = Change(took.Graph, endpoints);
        table.Add("the same: an endpoint comes, one has other labels, one goes; a flush each", $"{rate:0} /s",
            $"{decoding:0} /s decoded", rate / decoding, "≥ 20000 /s", rate >= 20_000);
        GC.KeepAlive(took.Graph);
        return Task.CompletedTask;
    }

    private static (CalculationGraph Graph, double Calculated, double Decoded) Measure(int policies, int endpoints)
    {
        var graph = new CalculationGraph(PolicyNode.Name);
        for (var i = 0; i < Locals; i++)
        {
            graph.Set(PolicyResources.Endpoint(i, i % Groups));
        }

        var (calculated, decoded) = (0.0, 0.0);
        var values = RemoteEndpoints.Profiles.Append(PolicyResources.OpenProfile).Concat(Enumerable.Range(0, policies).Select(Policy))
            .Concat(Enumerable.Range(0, endpoints).Select(n => RemoteEndpoints.Value(n)));
        foreach (var portion in values.Chunk(Portion))
        {
            var begun = Stopwatch.GetTimestamp();
            var updates = Decode(portion);
            decoded += Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            begun = Stopwatch.GetTimestamp();
            graph.Apply(new(SyncStatus.Resync, 1, [.. updates]));
            calculated += Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }

        var end = Stopwatch.GetTimestamp();
        graph.Apply(new(SyncStatus.InSync, 1, []));
        var told = graph.Flush();
        calculated += Stopwatch.GetElapsedTime(end).TotalMilliseconds;
        return told.IsEmpty ? throw new InvalidOperationException("nothing was calculated") : (graph, calculated, decoded);
    }

    /// <summary>Two of its three rules ask for peers by label.</summary>
    private static StoredValue Policy(int number) => PolicyResources.Policy($"policy-{number}", number, $"group == 'g{number % Groups}'",
    [
        new() { Action = "Allow", Protocol = new("TCP"), Source = new() { Selector = $"app == 'service-{number % Apps}'" },
            Destination = new() { Ports = [new(8080)] } },
        new() { Action = "Allow", Source = new() { Selector = "tier == 'frontend'", Nets = ["10.0.0.0/8"] }, Protocol = new("UDP") },
        PolicyResources.Tcp(9_000 + number % 1_000, "Deny"),
    ]);

    private static (double Rate, double Decoding) Change(CalculationGraph graph, int endpoints)
    {
        var random = new Random(17);
        var changes = Enumerable.Range(0, Changes).Select(n => (n % 3) switch
        {
            0 => RemoteEndpoints.Value(endpoints + n),
            1 => RemoteEndpoints.Value(random.Next(endpoints), $"service-{random.Next(Apps)}"),
            _ => RemoteEndpoints.Value(endpoints + n - 2) with { Bytes = default },
        }).ToList();
        var begun = Stopwatch.GetTimestamp();
        var updates = Decode(changes);
        var decoded = Stopwatch.GetElapsedTime(begun);
        var told = 0;
        begun = Stopwatch.GetTimestamp();
        foreach (var update in updates)
        {
            graph.Apply(new(SyncStatus.InSync, 2, [update]));
            told += graph.Flush().Length;
        }

        var took = Stopwatch.GetElapsedTime(begun);
        return told < Changes / 2 ? throw new InvalidOperationException($"{Changes} changes made {told} updates")
            : (Changes / took.TotalSeconds, Changes / decoded.TotalSeconds);
    }

    private static List<SyncUpdate> Decode(IEnumerable<StoredValue> values) => [.. values.Select(v => v.Decode())];
}
