using Calico.Linux.Nftables;

namespace Calico.Benchmarks.Policy;

/// <summary>Ten thousand policies with a quarter of a million members from nothing, against <c>nft -f</c> of the very table.</summary>
internal static class LoadBench
{
    private const int Endpoints = 1_000;
    private const int Groups = 100;
    private const int MembersOfSet = 250;

    /// <summary>So often a fifth of it is loaded first: a node's programs are compiled before they run, ours here are not.</summary>
    private const int WarmRounds = 3;

    /// <param name="table">Gets the figures.</param>
    /// <param name="policies">A tenth as many sets.</param>
    public static async Task RunAsync(ResultTable table, int policies)
    {
        for (var round = 0; round < WarmRounds; round++)
        {
            using var warm = new BenchHost();
            Load(warm, policies / 5, out _).Dispose();
        }

        using var host = new BenchHost();
        using var node = Load(host, policies, out var took);
        var messages = node.Kernel.Messages;
        var text = (await host.RunAsync("nft", "list", "table", "inet", "calico")).Output;
        using var other = new BenchHost();
        var nft = await other.LoadAsync(text, "nft", "-f");
        using var loaded = other.Broker.Run(other.Host, () => NftSocket.Open());
        var (ours, theirs) = (node.Kernel.ReadTable(node.Ruleset.Table)!, loaded.ReadTable(node.Ruleset.Table)!);
        if (Size(ours) != Size(theirs))
        {
            throw new InvalidOperationException($"nft loaded something else: {Size(theirs)}, and we {Size(ours)}");
        }

        table.Add($"load {policies} policies, {policies / 10 * MembersOfSet} members, {ours.Rules.Length} rules: rendered and committed, "
            + "against nft -f of the table",
            $"{took.Rendered:0} ms", $"{nft:0} ms", took.Rendered / nft, "≤ 0.5 ×", took.Rendered / nft <= 0.5);
        table.Add("the same, from the store's values on", $"{took.All:0} ms", $"{nft:0} ms", took.All / nft, "none", met: true);
        table.Add("rendered and committed, against its floor, the same messages alone", $"{took.Rendered:0} ms",
            $"{took.Kernel:0} ms ({messages} messages)",
            took.Rendered / took.Kernel, "none", met: true);
    }

    private static PolicyNode Load(BenchHost host, int policies, out (double All, double Rendered, double Kernel) took)
    {
        var sets = policies / 10;
        var node = new PolicyNode(host);
        for (var i = 0; i < Endpoints; i++)
        {
            node.Set(PolicyResources.Endpoint(i, i % Groups));
        }

        took = node.Apply(
        [
            PolicyResources.OpenProfile, .. Enumerable.Range(0, sets).Select(s => PolicyResources.Set(s, MembersOfSet)),
            .. PolicyResources.OfGroups(policies, Groups, sets),
        ]);
        return node;
    }

    /// <summary>Of ranges nft writes an end more.</summary>
    private static (int Rules, int Elements) Size(NftTableState state) =>
        (state.Rules.Length, state.Sets.Where(s => (s.Flags & NftSetFlags.Interval) == 0).Sum(s => state.Elements[s.Name].Length));
}
