using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.KernelTests.Linux;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>From whatever a former process left to whatever is wanted now.</summary>
[NonParallelizable]
public sealed class TransitionTests
{
    private static readonly string[] Ranges =
    [
        "10.65.0.0/16", "10.66.0.0/16", "10.65.0.0/24", "10.64.0.0/10", "192.168.0.0/16", "10.67.0.0/26", "10.67.0.64/26", "0.0.0.0/1",
            "128.0.0.0/1",
        "fd65::/64", "fd65:0:0:1::/64", "fd00::/8", "2001:db8::/32", "255.255.255.0/24",
    ];

    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");

    [Test]
    public void B10_any_former_table_becomes_any_other_at_one_attempt_without_a_refusal()
    {
        var seed = Random.Shared.Next();
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var host = new ScratchNamespace();
        using var table = new TableReconciler(host.OpenNft(), new() { NodeName = "test" });
        table.Commit(Some(random, []).Ruleset);
        for (var round = 0; round < 300; round++)
        {
            var said = new List<string>();
            var wanted = Some(random, said).Ruleset;
            var actual = table.Read(wanted.Table);
            wanted.Rebase(actual);
            Assert.That(() => table.Commit(wanted, actual!.Generation), Throws.Nothing,
                () => $"seed {seed}, round {round}: {string.Join("; ", said)}");
            Assert.That(wanted.Rebase(table.Read(wanted.Table)), Is.Empty, () => $"seed {seed}, round {round}: {string.Join("; ", said)}");
        }
    }

    [TestCase("restart")]
    [TestCase("refusal")]
    [TestCase("audit")]
    public void What_waits_for_a_grace_period_leaves_all_the_same_after(string what)
    {
        using var host = new ScratchNamespace();
        using var table = new TableReconciler(host.OpenNft(), new() { NodeName = "test" });
        var address = new IpSetMember(Cidr.TryParse("10.65.0.2/32", out var c) ? c : throw new AssertionException("address"));
        RulesetTranslator Empty()
        {
            var policy = new RulesetTranslator(new() { NodeName = "node-a" });
            policy.Apply(new IpSetUpdate("s:some", IpSetType.Hosts, [], []));
            return policy;
        }

        var policy = Empty();
        policy.Apply(new IpSetUpdate("s:some", IpSetType.Hosts, [address], []));
        policy.Apply(new RuleListUpdate(new("profile/p/ingress",
            new([new CompiledRule(new() { Source = new() { Set = "s:some" } }, RuleAction.Allow, Where)]))));
        policy.Apply(new EndpointUpdate(Id("a"), "calia", EndpointGate.Open, new([], ["profile/p/ingress"]),
            new([], ["profile/p/ingress"]), [], []));
        table.Commit(policy.Ruleset);
        policy.Apply(new EndpointRemove(Id("a")));
        policy.Apply(new RuleListRemove("profile/p/ingress"));
        policy.Apply(new IpSetUpdate("s:some", IpSetType.Hosts, [], [address]));
        if (what == "refusal")
        {
            // Somebody else commits, so the generation is another.
            var read = table.Read(policy.Ruleset.Table)!;
            host.Inside("nft", "add", "table", "inet", "theirs");
            Assert.That(() => table.Commit(policy.Ruleset, read.Generation), Throws.InstanceOf<Calico.Linux.Nftables.NftCommitException>());
            policy.Ruleset.Rebase(table.Read(policy.Ruleset.Table));
            policy.Ruleset.Hurry();
            table.Commit(policy.Ruleset);
        }
        else
        {
            table.Commit(policy.Ruleset);
            Assert.That(Names(), Is.EqualTo(new[] { "list/profile/p/ingress", "program/" }), "they wait");
            if (what == "restart")
            {
                policy = Empty();
            }

            Assert.That(policy.Ruleset.Rebase(table.Read(policy.Ruleset.Table)), what == "restart" ? Is.Not.Empty : Is.Empty,
                "differences");
            table.Commit(policy.Ruleset);
            Assert.That(Names(), Has.Length.EqualTo(what == "restart" ? 0 : 2), "what a former process left need not wait, our own does");
            policy.Ruleset.EndGrace(policy.Ruleset.Commits);
            table.Commit(policy.Ruleset);
        }

        Assert.That(Names(), Is.Empty);
        Assert.That(policy.Ruleset.Rebase(table.Read(policy.Ruleset.Table)), Is.Empty);
        Assert.That(policy.Ruleset.IsPending, Is.False);

        string[] Names() => [.. table.Read(policy.Ruleset.Table)!.Chains.Select(chain => chain.Name)
            .Where(n => n.StartsWith("list/", StringComparison.Ordinal) || n.StartsWith("program/", StringComparison.Ordinal))
            .Select(n => n.StartsWith("program/", StringComparison.Ordinal) ? "program/" : n).Order(StringComparer.Ordinal)];
    }

    private static RulesetTranslator Some(Random random, List<string> said)
    {
        var translator = new RulesetTranslator(new() { NodeName = "node-a" });
        List<Cidr> Few() => [.. random.GetItems(Ranges, random.Next(0, 4)).Distinct()
            .Select(r => Cidr.TryParse(r, out var c) ? c : throw new AssertionException(r))];
        void Apply(DataplaneUpdate update)
        {
            said.Add(update.ToString());
            translator.Apply(update);
        }

        if (random.Next(3) == 0)
        {
            Apply(new SettingsUpdate(new() { DropInvalid = random.Next(2) == 0, NatPorts = random.Next(2) == 0 ? new(1000, 2000) : null }));
        }

        foreach (var set in new[] { WellKnownSets.AllPools, WellKnownSets.MasqueradePools })
        {
            Apply(new IpSetUpdate(set, IpSetType.Nets, [.. Few().Select(c => new IpSetMember(c))], []));
        }

        var lists = new List<string>();
        for (var list = 0; list < random.Next(3); list++)
        {
            lists.Add($"profile/p{list}/ingress");
            Apply(new RuleListUpdate(new($"profile/p{list}/ingress",
                new([.. Enumerable.Range(0, random.Next(3)).Select(_ => new CompiledRule(
                new() { Source = new() { Nets = [.. Few()], NotNets = [.. Few()] } }, RuleAction.Allow, Where))]))));
        }

        for (var endpoint = 0; endpoint < random.Next(3); endpoint++)
        {
            Apply(new EndpointUpdate(Id($"{endpoint}"), $"cali{endpoint}", (EndpointGate)random.Next(2), new([], [.. lists]),
                new([], [.. lists]), [], [.. Few()]));
        }

        return translator;
    }
}
