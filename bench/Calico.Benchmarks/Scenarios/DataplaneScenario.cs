using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Dataplane.Workloads;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Namespaces;
using Calico.Linux.Nftables;
using Calico.TestKit.Hosts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Benchmarks.Scenarios;

/// <summary>The kernel's part: wiring against the same messages from a C program, and one endpoint more at several sizes.</summary>
public static class DataplaneScenario
{
    private const int Wirings = 100;

    public static async Task RunAsync(NativeTools tools, ResultTable table, int runs)
    {
        var (ours, same, least) = (new List<double>(), new List<double>(), new List<double>());
        for (var i = 0; i <= runs; i++)
        {
            var own = await WireAsync();
            var all = await WireInCAsync(tools, "same");
            var few = await WireInCAsync(tools, "least");
            // The first compiles our own code.
            if (i > 0)
            {
                ours.Add(own.P50);
                same.Add(all.P50);
                least.Add(few.P50);
            }
        }

        table.AddRatio("wiring alone, against the same messages from C, p50", new Series(ours).P50, new Series(same).P50, "ms", 1.5);
        var (own50, least50) = (new Series(ours).P50, new Series(least).P50);
        table.Add("wiring alone, against the fewest messages from C, p50", $"{own50:0.##} ms", $"{least50:0.##} ms", own50 / least50,
            "none", true);
        foreach (var endpoints in (int[])[10, 100, 1000])
        {
            var (more, less) = OneMore(endpoints, endpoints * 3);
            table.Add($"one endpoint more at {endpoints} ({endpoints * 3} rules), kernel commit p50", $"{more.P50:0.000} ms",
                $"p99 {more.P99:0.000} ms", double.NaN, "≤ 0.2 ms", more.P50 <= 0.2);
            table.Add($"one endpoint less at {endpoints}, kernel commit p50", $"{less.P50:0.000} ms", $"p99 {less.P99:0.000} ms",
                double.NaN, "≤ 0.2 ms", less.P50 <= 0.2);
        }
    }

    private static async Task<Series> WireAsync()
    {
        using var broker = new NamespaceBroker();
        using var host = broker.Create();
        var network = new HostNetwork(broker, host);
        var options = new DataplaneOptions { NodeName = "bench" };
        await using var loop = new DataplaneLoop(options, network, TimeProvider.System, NullLoggerFactory.Instance);
        await using var wiring = new WorkloadWiring(loop, network, options, TimeProvider.System, NullLoggerFactory.Instance);
        var took = new List<double>();
        // Before and until after, as the C program has them: the end of a namespace holds the kernel's lock for all of this.
        var workloads = Enumerable.Range(0, Wirings).Select(_ => broker.Create()).ToList();
        for (var i = 0; i < Wirings; i++)
        {
            var workload = workloads[i];
            var request = new WiringRequest
            {
                Id = new("bench", $"w{i}", "eth0"),
                HostInterface = string.Create(CultureInfo.InvariantCulture, $"cali{i}"),
                PeerInterface = "eth0",
                Namespace = workload.Descriptor,
                Mac = PhysicalAddress.Parse("02-00-00-00-00-01"),
                Mtu = 1500,
                Addresses = [new(new IPAddress([10, 65, 0, (byte)i]), 32)],
                Gateway4 = IPAddress.Parse("169.254.1.1"),
            };
            var begun = Stopwatch.GetTimestamp();
            await wiring.WireAsync(request, CancellationToken.None);
            took.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }

        workloads.ForEach(w => w.Dispose());
        return new(took);
    }

    private static async Task<Series> WireInCAsync(NativeTools tools, string messages)
    {
        await using var host = await TestHost.StartAsync(64);
        await host.ShellAsync($"for i in $(seq {Wirings}); do ip netns add w$i; done");
        var output = await host.ShellAsync($"{tools.Wire} {messages} $(for i in $(seq {Wirings}); do echo /run/netns/w$i; done)");
        return new(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => double.Parse(l, CultureInfo.InvariantCulture) / 1000));
    }

    private static (Series More, Series Less) OneMore(int endpoints, int rules)
    {
        using var broker = new NamespaceBroker();
        using var host = broker.Create();
        using var table = new TableReconciler(broker.Run(host, () => NftSocket.Open()), new() { NodeName = "bench" });
        var translator = new RulesetTranslator(new() { NodeName = "bench" });
        var lists = rules / 3;
        for (var list = 0; list < lists; list++)
        {
            translator.Apply(new RuleListUpdate(new($"profile/p{list}/ingress",
                new([.. Enumerable.Range(1, 3).Select(port => new CompiledRule(
                new() { Protocol = 6, Destination = new() { Ports = [new((ushort)port, (ushort)port)] } }, RuleAction.Allow,
                new(Kinds.Profile.Key($"p{list}"), "", port, "1")))]))));
        }

        for (var i = 0; i < endpoints; i++)
        {
            translator.Apply(Update(i, i % lists));
        }

        table.Commit(translator.Ruleset);
        var (more, less) = (new List<double>(), new List<double>());
        for (var round = 0; round < 330; round++)
        {
            translator.Apply(Update(endpoints + 1, round % lists));
            var added = Time(() => table.Commit(translator.Ruleset));
            translator.Apply(new EndpointRemove(IdOf(endpoints + 1)));
            var removed = Time(() => table.Commit(translator.Ruleset));
            // The first rounds compile our own code.
            if (round >= 30)
            {
                more.Add(added);
                less.Add(removed);
            }
        }

        return (new(more), new(less));

        EndpointUpdate Update(int number, int list) =>
            new(IdOf(number), string.Create(CultureInfo.InvariantCulture, $"cali{number}"), EndpointGate.Open,
            new([], [$"profile/p{list}/ingress"]), new([], [$"profile/p{list}/ingress"]), [], []);
    }

    private static WorkloadEndpointId IdOf(int number) => new("bench", number.ToString(CultureInfo.InvariantCulture), "eth0");

    private static double Time(Action action)
    {
        var begun = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }
}
