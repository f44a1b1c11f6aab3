using System.Diagnostics;
using Calico.Benchmarks.Heal;
using Calico.Benchmarks.Policy;
using Calico.Linux.Nftables;
using Calico.Linux.Route;

namespace Calico.Benchmarks.Scenarios;

/// <summary>How long what a stranger does to a node's kernel state stands, and what of a flood that policy denies gets through
/// meanwhile.</summary>
/// <remarks>From the stranger's commit to ours, seen by a thread that does nothing but look. After each the table is read and has to be
/// as it
/// was. The flood never rests, on the same cores.</remarks>
public static class HealScenario
{
    private const int Rounds = 30;

    /// <summary>Until somebody gives up.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Nothing has come for so long: what began in the gap is cut.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(50);

    public static async Task RunAsync(ResultTable table)
    {
        await using var node = new HealedNode();
        using var flood = await node.StartAsync();
        var whole = await ReloadAsync(node);
        foreach (var (deed, batch) in Deeds(node))
        {
            await MeasureAsync(table, node, flood, deed, whole, () =>
            {
                using var changes = batch();
                node.Nft.Commit(changes);
                return null;
            });
        }

        foreach (var (deed, change, isRight) in LinkDeeds(node))
        {
            await MeasureAsync(table, node, flood, deed, whole, () =>
            {
                node.Route.Execute(change);
                return isRight;
            });
        }

        await RemovalAsync(table, node, whole);
    }

    private static IEnumerable<(string Deed, Func<NftBatch> Batch)> Deeds(HealedNode node)
    {
        var table = HealedNode.Table;
        yield return ("all tables deleted (flush ruleset)",
            () => Batch(batch => node.Nft.ListTables().ToList().ForEach(batch.DeleteTable)));
        yield return ("our table deleted", () => Batch(batch => batch.DeleteTable(table)));
        yield return ("a base chain flushed (forward-ingress)", () => Batch(batch => batch.FlushChain(table, "forward-ingress")));
        yield return ("the endpoints' list flushed", () => Batch(batch => batch.FlushChain(table, node.Nft.ReadTable(table, false)!.Chains
            .Select(c => c.Name).First(n => n.StartsWith("list/tier", StringComparison.Ordinal)))));
        yield return ("the set of workloads flushed", () => Batch(batch => batch.FlushSet(table, "workloads")));
        yield return ("an element deleted (the server's program)", () => Batch(batch => batch.DeleteElement(table, "ingress-programs",
            NftElement.Of(NftValue.LinkName(HealedNode.ServerLink)))));
        yield return ("a rule deleted (the last of the list)", () => Batch(batch =>
        {
            var rule = node.Nft.ReadTable(table, false)!.Rules.Last(r => r.Chain.StartsWith("list/tier", StringComparison.Ordinal));
            batch.DeleteRule(table, rule.Chain, rule.Handle);
        }));
        yield return ("a rule added that accepts everything", () => Batch(batch =>
            batch.InsertRule(table, "forward-egress", NftRule.Of(Verdict.Accept))));
    }

    private static IEnumerable<(string Deed, Action<RouteBatch> Change, Func<bool> IsRight)> LinkDeeds(HealedNode node)
    {
        var index = node.Route.GetLink(HealedNode.ServerLink).Index;
        yield return ("the server's link set down", batch => batch.ChangeLink(new() { Index = index, Up = false }),
            () => Server().IsUp && HasRoute());
        yield return ("its ARP turned off", batch => batch.ChangeLink(new() { Index = index, Arp = false }), () => Server().HasArp);
        yield return ("it is renamed", batch => batch.ChangeLink(new() { Index = index, Name = "stranger0" }),
            () => Server().Name == HealedNode.ServerLink);
        yield return ("its route deleted", batch => batch.DeleteRoute(node.Route.ListRoutes().Single(IsServers)), HasRoute);

        LinkState Server() => node.Route.ListLinks().Single(l => l.Index == index);

        bool HasRoute() => node.Route.ListRoutes().Any(IsServers);

        bool IsServers(RouteEntry route) => route.LinkIndex == index && route.Destination.BaseAddress.Equals(HealedNode.AddressOf(1));
    }

    private static async Task MeasureAsync(ResultTable table, HealedNode node, DeniedFlood flood, string deed, double whole,
        Func<Func<bool>?> commit)
    {
        var before = node.Read();
        var (took, through) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            var (healed, arrived) = (node.Status.Healed, flood.Arrived);
            var isRight = commit() ?? (() => node.Status.Healed > healed && node.Status.InSync);
            var begun = Stopwatch.GetTimestamp();
            while (!isRight())
            {
                if (Stopwatch.GetElapsedTime(begun) > Patience)
                {
                    throw new InvalidOperationException($"{deed}: not healed: {node.Status}");
                }

                Thread.Yield();
            }

            took.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            await QuietAsync(flood);
            through.Add(flood.Arrived - arrived);
            var after = node.Read();
            if (!after.SetEquals(before))
            {
                var (more, less) = (after.Except(before).FirstOrDefault(), before.Except(after).FirstOrDefault());
                throw new InvalidOperationException($"{deed}: healed, and not as before: {more} {less}");
            }
        }

        var series = new Series(took);
        table.Add($"heal: {deed}, p50 of {Rounds}, against nft -f of the table", $"{series.P50:0.00} ms", $"{whole:0.0} ms",
            series.P50 / whole, "≤ 1 ×",
            series.P50 <= whole);
        table.Add("the same: p99 is the longest; denied packets that arrived", $"{series.At(1):0.00} ms",
            $"{through.Sum():0} in all, ≤ {through.Max():0} a time", double.NaN, "none", met: true);
    }

    /// <summary>The pair is deleted: its routes go with it by the kernel's doing, and whoever runs the workload is told to end the
    /// endpoint.</summary>
    private static async Task RemovalAsync(ResultTable table, HealedNode node, double whole)
    {
        const string Link = "calic";
        var (told, ended) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            await node.WireAsync(2, Link);
            var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void Tell(object? sender, string link) => gone.TrySetResult();
            node.LinkGone += Tell;
            node.Route.Execute(batch => batch.DeleteLink(node.Route.GetLink(Link).Index));
            var begun = Stopwatch.GetTimestamp();
            await gone.Task.WaitAsync(Patience);
            told.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            await node.WithdrawAsync(2, Link);
            ended.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            node.LinkGone -= Tell;
        }

        table.Add($"a link deleted: told, p50 of {Rounds}", $"{new Series(told).P50:0.00} ms",
            $"longest {new Series(told).At(1):0.00} ms", double.NaN, "none", met: true);
        table.Add("the same: its endpoint out of the kernel, against nft -f of the table", $"{new Series(ended).P50:0.00} ms",
            $"{whole:0.0} ms",
            new Series(ended).P50 / whole, "≤ 1 ×", new Series(ended).P50 <= whole);
    }

    private static async Task QuietAsync(DeniedFlood flood)
    {
        var begun = Stopwatch.GetTimestamp();
        for (long arrived = -1; arrived != flood.Arrived;)
        {
            if (Stopwatch.GetElapsedTime(begun) > Patience)
            {
                throw new InvalidOperationException("what policy denies goes on arriving");
            }

            var (sent, since) = (flood.Sent, Stopwatch.GetTimestamp());
            arrived = flood.Arrived;
            while (Stopwatch.GetElapsedTime(since) < Quiet || flood.Sent < sent + 100)
            {
                await Task.Delay(5);
            }
        }
    }

    /// <summary>What it takes a person with the table in a file to put it back.</summary>
    private static async Task<double> ReloadAsync(HealedNode node)
    {
        var text = (await node.Bench.RunAsync("nft", "list", "table", "inet", "calico")).Output;
        var took = new List<double>();
        for (var round = 0; round < 5; round++)
        {
            using var other = new BenchHost();
            took.Add(await other.LoadAsync(text, "nft", "-f"));
        }

        return new Series(took).P50;
    }

    private static NftBatch Batch(Action<NftBatch> fill)
    {
        var batch = new NftBatch();
        fill(batch);
        return batch;
    }
}
