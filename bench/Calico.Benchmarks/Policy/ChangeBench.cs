using System.Text;
using Calico.Datastore.Resources.V3;

namespace Calico.Benchmarks.Policy;

/// <summary>One policy changes, and one member of a set comes and goes, beside a thousand endpoints: from the store's value to the kernel's
/// commit, against the kernel's part of it and against <c>nft -f</c> of the same change.</summary>
internal static class ChangeBench
{
    private const int Endpoints = 1_000;
    private const int Members = 10_000;
    private const int RulesOfList = 30;
    private const int ListsOfShared = 10;
    private const int Rounds = 200;
    private const int NftRounds = 10;

    /// <summary>The first rounds compile our own code.</summary>
    private const int WarmRounds = 20;

    public static async Task RunAsync(ResultTable table)
    {
        foreach (var (rules, most50, most99) in ((int, double, double)[])[(3_000, 2, 8), (15_000, 12, double.PositiveInfinity)])
        {
            using var host = new BenchHost();
            using var node = new PolicyNode(host);
            Fill(node, groups: rules / RulesOfList);
            var size = $"at {Endpoints} endpoints, {node.Rules} rules";
            await PolicyAsync(table, host, node, size, (most50, most99));
            await MemberAsync(table, host, node, size);
        }
    }

    private static void Fill(PolicyNode node, int groups)
    {
        for (var i = 0; i < Endpoints; i++)
        {
            node.Set(PolicyResources.Endpoint(i, i % groups));
        }

        List<StoredValue> values = [PolicyResources.OpenProfile,
            .. Enumerable.Range(0, Members).Select(m => PolicyResources.Remote(m, "client"))];
        for (var group = 0; group < groups; group++)
        {
            // With the end of the tier and what ten groups share: thirty.
            var rules = Enumerable.Range(1,
                RulesOfList - 2).Select(port => PolicyResources.Tcp(port, port % 3 == 0 ? "Deny" : "Allow")).ToList();
            if (group == 0)
            {
                rules[0] = rules[0] with { Source = new() { Selector = "role == 'client'" } };
            }

            values.Add(PolicyResources.Policy($"own-{group}-a", 10, $"group == 'g{group}'", rules.Take(14)));
            values.Add(PolicyResources.Policy($"own-{group}-b", 20, $"group == 'g{group}'", rules.Skip(14)));
        }

        values.AddRange(Enumerable.Range(0, groups / ListsOfShared).Select(ten => Shared(ten, 80)));
        node.Apply([.. values]);
        node.EndGrace();
    }

    /// <summary>What ten lists hold.</summary>
    private static StoredValue Shared(int ten, int port) =>
        PolicyResources.Policy($"shared-{ten}", 5, $"ten == 't{ten}'", [PolicyResources.Tcp(port)]);

    private static async Task PolicyAsync(ResultTable table, BenchHost host, PolicyNode node, string size, (double P50, double P99) most)
    {
        var (all, kernel, messages) = (new List<double>(), new List<double>(), 0);
        for (var round = -WarmRounds; round < Rounds; round++)
        {
            var took = node.Apply(Shared(0, 1_000 + (round & 1) + 1));
            messages = node.Kernel.Messages;
            if (round >= 0)
            {
                all.Add(took.All);
                kernel.Add(took.Kernel);
            }

            if (round == Rounds - 1)
            {
                break;
            }

            node.EndGrace();
        }

        var nft = new StringBuilder();
        foreach (var chain in node.Kernel.Chains.ToList())
        {
            nft.Append($"flush chain inet calico {chain}\n").Append((await host.RunAsync("nft", "list", "chain", "inet", "calico",
                chain)).Output);
        }

        node.EndGrace();
        var beside = new List<double>();
        for (var round = 0; round < NftRounds; round++)
        {
            beside.Add(await host.LoadAsync(nft.ToString(), "nft", "-f"));
        }

        var (ours, floor, peer) = (new Series(all), new Series(kernel), new Series(beside));
        table.Add($"one policy of {ListsOfShared} lists changes {size}, value to commit, p50, against nft -f", $"{ours.P50:0.00} ms",
            $"{peer.P50:0.0} ms",
            ours.P50 / peer.P50, $"≤ {most.P50} ms", ours.P50 <= most.P50);
        table.Add("the same against its floor, the same messages alone", $"{ours.P50:0.00} ms",
            $"{floor.P50:0.00} ms ({messages} messages)",
            ours.P50 / floor.P50, "none", met: true);
        table.Add("the same, p99", $"{ours.P99:0.00} ms", $"{floor.P99:0.00} ms", ours.P99 / floor.P99,
            double.IsInfinity(most.P99) ? "none" : $"≤ {most.P99} ms", ours.P99 <= most.P99);
    }

    private static async Task MemberAsync(ResultTable table, BenchHost host, PolicyNode node, string size)
    {
        var (all, kernel, gone) = (new List<double>(), new List<double>(), new List<double>());
        var other = PolicyResources.Remote(Members, "client");
        for (var round = -WarmRounds; round < Rounds; round++)
        {
            var came = node.Apply(other);
            var messages = node.Kernel.Messages;
            var went = node.Apply(other with { Bytes = default });
            var later = node.EndGrace();
            if (messages == 0 || node.Kernel.Messages == 0)
            {
                throw new InvalidOperationException("a member came or went, and the kernel was not told");
            }

            if (round >= 0)
            {
                all.Add(came.All);
                kernel.Add(came.Kernel);
                gone.Add(went.All + later.All);
            }
        }

        var set = node.Ruleset.Sets.MaxBy(s => s.Value.Count).Key;
        var beside = new List<double>();
        for (var round = 0; round < NftRounds; round++)
        {
            beside.Add(await host.LoadAsync($"add element inet calico {set} {{ 12.200.0.{round} }}\n", "nft", "-f"));
        }

        var (ours, floor, peer) = (new Series(all), new Series(kernel), new Series(beside));
        table.Add($"one member more of {Members} {size}, value to commit, p50, against nft -f", $"{ours.P50:0.000} ms",
            $"{peer.P50:0.0} ms",
            ours.P50 / peer.P50, "≤ 0.5 ×", ours.P50 / peer.P50 <= 0.5);
        table.Add("the same against its floor, the same messages alone", $"{ours.P50:0.000} ms", $"{floor.P50:0.000} ms",
            ours.P50 / floor.P50,
            "floor ≤ 0.05 ms", floor.P50 <= 0.05);
        table.Add("the same, p99", $"{ours.P99:0.000} ms", $"{floor.P99:0.000} ms", ours.P99 / floor.P99, "none", met: true);
        table.Add("one member less, both commits, p50", $"{new Series(gone).P50:0.000} ms", $"p99 {new Series(gone).P99:0.000} ms",
            double.NaN,
            "none", met: true);
    }
}
