using System.Diagnostics;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.KernelTests.Linux;
using Calico.Linux.Nftables;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>What a change costs. By hand: figures of a busy machine say nothing.</summary>
[Explicit("measures"), NonParallelizable]
public sealed class Measurements
{
    [TestCase(10, 30)]
    [TestCase(100, 300)]
    [TestCase(1000, 3000)]
    public void One_endpoint_more_and_less(int endpoints, int rules)
    {
        using var host = new ScratchNamespace();
        using var table = new TableReconciler(host.OpenNft(), new() { NodeName = "test" });
        var translator = new RulesetTranslator(new() { NodeName = "node-a" });
        const int ListsPerProgram = 1;
        var lists = Math.Max(1, rules / 3);
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

        var (added, removed, listed, compared) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < 300; round++)
        {
            translator.Apply(Update(endpoints + 1, round % lists));
            added.Add(Time(() => table.Commit(translator.Ruleset)));
            translator.Apply(new EndpointRemove(Id($"{endpoints + 1}")));
            removed.Add(Time(() => table.Commit(translator.Ruleset)));
        }

        for (var round = 0; round < 20; round++)
        {
            var actual = table.Read(translator.Ruleset.Table);
            listed.Add(Time(() => actual = table.Read(translator.Ruleset.Table)));
            compared.Add(Time(() => translator.Ruleset.Rebase(actual)));
        }

        Print($"{endpoints} endpoints, {rules} rules, {ListsPerProgram} list each: one more", added);
        Print($"{endpoints} endpoints: one less", removed);
        Print($"{endpoints} endpoints: read all back", listed);
        Print($"{endpoints} endpoints: compare", compared);

        EndpointUpdate Update(int number, int list) => new(Id($"{number}"), $"cali{number}", EndpointGate.Open,
            new([], [$"profile/p{list}/ingress"]), new([], [$"profile/p{list}/ingress"]), [], []);
    }

    [TestCase(1000, 3000)]
    public void One_policy_changes(int endpoints, int rules)
    {
        using var host = new ScratchNamespace();
        using var table = new TableReconciler(host.OpenNft(), new() { NodeName = "test" });
        var translator = new RulesetTranslator(new() { NodeName = "node-a" });
        var lists = rules / 30;
        var others = Enumerable.Range(0, lists)
            .Select(list => Enumerable.Range(1, 29).Select(rule => Rule(list, rule, (ushort)rule)).ToList()).ToList();
        for (var list = 0; list < lists; list++)
        {
            translator.Apply(List(list, port: 80));
        }

        for (var i = 0; i < endpoints; i++)
        {
            var list = $"tier/default/ingress/{i % lists}";
            translator.Apply(new EndpointUpdate(Id($"{i}"), $"cali{i}", EndpointGate.Open, new([], [list]), new([], [list]), [], []));
        }

        table.Commit(translator.Ruleset);
        var (changed, applied) = (new List<double>(), new List<double>());
        for (var round = 0; round < 300; round++)
        {
            // One policy that ten lists hold, with another port in it.
            var start = Stopwatch.GetTimestamp();
            changed.Add(Time(() =>
            {
                for (var list = 0; list < 10; list++)
                {
                    translator.Apply(List(list, port: (ushort)(1000 + round)));
                }

                applied.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                table.Commit(translator.Ruleset);
            }));
        }

        Print($"{endpoints} endpoints, {rules} rules, ten lists of 30: one policy changes", changed);
        Print("of it rendering", applied);

        // As the graph does: a list is put together of the very rules that its policies have.
        RuleListUpdate List(int list, ushort port) => new(new($"tier/default/ingress/{list}", new([Rule(list, 0, port), .. others[list]])));

        static CompiledRule Rule(int list, int rule, ushort port) =>
            new(new() { Protocol = 6, Destination = new() { Ports = [new(port, port)] } },
            rule % 3 == 0 ? RuleAction.Deny : RuleAction.Allow,
            new(Kinds.GlobalNetworkPolicy.Key(rule == 0 ? "shared" : $"p{list}-{rule / 3}"), "default", rule % 3, "1"));
    }

    [Test]
    public async Task Wiring_and_publishing()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", new Datastore.Resources.V3.Rule { Action = "Allow" }));
        var (wired, published, withdrawn, unwired) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var workload = await node.WireAsync("a", "10.65.0.2/32");
        for (var round = 0; round < 100; round++)
        {
            published.Add(await TimeAsync(() => node.PublishAsync("a", "10.65.0.2/32", "open")));
            withdrawn.Add(await TimeAsync(() => node.Loop.WithdrawAsync(Id("a"), Deadline())));
            unwired.Add(await TimeAsync(() => node.Wiring.UnwireAsync("calia", "eth0", $"/run/netns/{workload.Name}",
                workload.File.Identity.Inode, Deadline())));
            await Task.Delay(80);
            wired.Add(await TimeAsync(() => node.Wiring.WireAsync(node.Request("a", "10.65.0.2/32"), Deadline())));
        }

        Print("wire", wired);
        Print("publish", published);
        Print("withdraw, connections looked for", withdrawn);
        Print("unwire", unwired);
    }

    private static double Time(Action action)
    {
        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static async Task<double> TimeAsync(Func<Task> action)
    {
        var start = Stopwatch.GetTimestamp();
        await action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static void Print(string what, List<double> milliseconds)
    {
        milliseconds.Sort();
        TestContext.Progress.WriteLine(
            $"{what}: p50 {milliseconds[milliseconds.Count / 2]:0.000} ms, p95 {milliseconds[milliseconds.Count * 95 / 100]:0.000} ms");
    }
}
