using System.Collections.Immutable;
using System.Globalization;
using Calico.TestKit.Hosts;

namespace Calico.Benchmarks.Policy;

/// <summary>New TCP connections a second, client and server on one CPU, at several numbers of policies on the server and ten thousand on
/// the
/// node: ours, none at all, and iptables with ipset in upstream's structure; in turns.</summary>
internal static class ConnectionBench
{
    private const int Endpoints = 1_000;
    private const int Groups = 100;
    private const int Sets = 200;
    private const int MembersOfSet = 50;
    private const int Port = 8055;

    /// <summary>Of one measurement: short, and in turns, so that whatever else the machine does meets all alike.</summary>
    private const int Milliseconds = 100;
    private const int Turns = 7;

    private static readonly int[] Counts = [1, 10, 20, 50];

    public static async Task RunAsync(NativeTools tools, ResultTable table, int runs, int policies)
    {
        using var plain = new BenchHost();
        using var none = new BenchHost();
        using var ours = new BenchHost();
        using var theirs = new BenchHost();
        foreach (var host in (BenchHost[])[plain, none, ours, theirs])
        {
            await host.WireAsync();
        }

        using var idle = Fill(none, policies);
        using var node = Fill(ours, policies);
        await FillAsync(theirs, policies);
        var rates = new Dictionary<(string Whose, int Policies), List<double>>();
        for (var run = 0; run < runs; run++)
        {
            foreach (var count in Counts)
            {
                Ask(node, count);
                await theirs.LoadAsync(IptablesRules.Replace(BenchHost.ServerLink, Names(count)), "iptables-restore", "--noflush");
                for (var turn = 0; turn < Turns; turn++)
                {
                    await MeasureAsync("plain", count, plain);
                    await MeasureAsync("none", count, none);
                    await MeasureAsync("ours", count, ours);
                    await MeasureAsync("theirs", count, theirs);
                }
            }
        }

        var without = Of("none", 1);
        table.Add("new connections/s without any table, and with ours and no policy", $"{without:0} /s", $"{Of("plain", 1):0} /s",
            without / Of("plain", 1), "none", met: true);
        foreach (var count in Counts)
        {
            var (own, peer, unasked) = (Of("ours", count), Of("theirs", count), Of("none", count));
            table.Add($"new connections/s, {count} policies asked, {policies} on the node, against none asked", $"{own:0} /s",
                $"{unasked:0} /s",
                own / unasked, "none", met: true);
            table.Add("the same, against iptables + ipset in upstream's structure", $"{own:0} /s", $"{peer:0} /s", own / peer, "≥ 1 ×",
                own >= peer);
        }

        async Task MeasureAsync(string whose, int count, BenchHost host)
        {
            var output = (await CommandResult.RunAsync([tools.Connects, $"{Milliseconds}", $"{Environment.ProcessorCount - 1}",
                host.ServerPath,
                host.ClientPath, BenchHost.ServerAddress, $"{Port}"])).OrThrow().Output.Split(' ');
            if (!rates.TryGetValue((whose, count), out var list))
            {
                rates.Add((whose, count), list = []);
            }

            list.Add(double.Parse(output[0], CultureInfo.InvariantCulture) / double.Parse(output[1], CultureInfo.InvariantCulture) * 1e6);
        }

        double Of(string whose, int count) => new Series(rates[(whose, count)]).P50;
    }

    /// <summary>The last one allows what the client sends; those before it do not match.</summary>
    private static IEnumerable<string> Names(int count) =>
        count == 0 ? [] : [.. Enumerable.Range(0, count - 1).Select(i => $"probe-{i}"), "probe-last"];

    private static PolicyNode Fill(BenchHost host, int policies)
    {
        var node = new PolicyNode(host);
        for (var i = 0; i < Endpoints; i++)
        {
            node.Set(PolicyResources.Endpoint(i, i % Groups));
        }

        node.Set(PolicyResources.Endpoint(Endpoints, -1, BenchHost.ClientLink, BenchHost.ClientAddress));
        Ask(node, 0);
        node.Apply(
        [
            PolicyResources.OpenProfile, .. Enumerable.Range(0, Sets).Select(s => PolicyResources.Set(s, MembersOfSet)),
            .. PolicyResources.OfGroups(policies, Groups, Sets),
            .. Enumerable.Range(0, Counts.Max() - 1)
                .Select(p => PolicyResources.Policy($"probe-{p}", p, $"has(probe-{p})", PolicyResources.Three(p, Sets))),
            PolicyResources.Policy("probe-last", 1_000_000, "has(probe-last)", [PolicyResources.Tcp(Port)]),
        ]);
        node.EndGrace();
        return node;
    }

    /// <summary>The server's labels say which policies it has.</summary>
    private static void Ask(PolicyNode node, int count)
    {
        var server = PolicyResources.Endpoint(Endpoints + 1, -1, BenchHost.ServerLink, BenchHost.ServerAddress);
        node.Set(server with { Labels = Names(count).ToImmutableSortedDictionary(name => name, _ => "") });
        node.Apply();
        node.EndGrace();
    }

    private static async Task FillAsync(BenchHost host, int policies)
    {
        var rules = new IptablesRules();
        for (var set = 0; set < Sets; set++)
        {
            rules.Set(set, PolicyResources.Members(set, MembersOfSet));
        }

        for (var policy = 0; policy < policies; policy++)
        {
            rules.Policy($"{policy}", PolicyResources.Three(policy, Sets));
        }

        for (var probe = 0; probe < Counts.Max() - 1; probe++)
        {
            rules.Policy($"probe-{probe}", PolicyResources.Three(probe, Sets));
        }

        rules.Policy("probe-last", [PolicyResources.Tcp(Port)]);
        for (var i = 0; i < Endpoints; i++)
        {
            var group = i % Groups;
            rules.Endpoint(PolicyResources.Endpoint(i, group).InterfaceName,
                [.. Enumerable.Range(0, policies / Groups).Select(n => $"{n * Groups + group}")]);
        }

        rules.Endpoint(BenchHost.ClientLink, []);
        rules.Endpoint(BenchHost.ServerLink, []);
        await host.LoadAsync(rules.Sets, "ipset", "restore", "-file");
        await host.LoadAsync(rules.ToText(), "iptables-restore");
    }
}
