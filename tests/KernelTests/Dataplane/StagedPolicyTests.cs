using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Staged policies count what they would have decided, and decide nothing.</summary>
public sealed class StagedPolicyTests
{
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    [Test]
    public async Task Staged_deny_is_counted_and_not_enforced()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.WireAsync("b", "10.65.0.3/32");
        node.Accept(Profile("open", AllowAll), Staged("shut", order: 1, new Rule { Action = "Deny", Protocol = new("ICMP") }),
            Staged("nothing", order: 2));
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        Assert.That(CanPing(a, "10.65.0.3"), Is.True, node.Host.Inside("nft", "list", "ruleset"));

        Assert.That(await CountAsync(node, "shut", 0), Is.EqualTo(1), "what it would have denied");
        Assert.That(await CountAsync(node, "shut", -1), Is.Zero);
        Assert.That(await CountAsync(node, "nothing", -1), Is.EqualTo(1), "asked all the same, and none of its rules matched");
        Assert.That(await CountAsync(node, "open", 0), Is.EqualTo(1), "the profile decided");
        Assert.That(await node.DropsAsync("policy"), Is.Zero);

        // Other rules stand elsewhere in the list: what was counted of this one stays.
        node.Loop.Accept(new(SyncStatus.InSync, 2,
            [new(Kinds.StagedGlobalNetworkPolicy.Key("nothing"), Staged("nothing", order: 0, AllowAll))]));
        await EventuallyAsync(() => node.Loop.Status.EnforcedRevision >= 2, "the change");
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
        Assert.That(await CountAsync(node, "shut", 0), Is.EqualTo(2), "an allow that is staged ends nothing either");
        Assert.That(await CountAsync(node, "nothing", 0), Is.EqualTo(1));
    }

    [Test]
    public async Task Enforced_policy_beside_a_staged_one_decides()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.WireAsync("b", "10.65.0.3/32");
        node.Accept(Profile("open", AllowAll), Staged("open", order: 1, AllowAll), new Resource<GlobalNetworkPolicySpec>
        {
            Kind = "GlobalNetworkPolicy",
            Metadata = new() { Name = "enforced" },
            Spec = new() { Order = 2, Types = ["Ingress"] },
        });
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        Assert.That(CanPing(a, "10.65.0.3"), Is.False);
        Assert.That(await node.DropsAsync("tier-default"), Is.EqualTo(1));
    }

    private static Resource Staged(string name, double order, params Rule[] ingress) => new Resource<StagedGlobalNetworkPolicySpec>
    {
        Kind = Kinds.StagedGlobalNetworkPolicy.Name,
        Metadata = new() { Name = name },
        Spec = new() { StagedAction = "Set", Order = order, Types = ["Ingress"], Ingress = [.. ingress] },
    };

    private static async Task<long> CountAsync(PretendNode node, string source, int rule) =>
        (await node.Loop.ReadCountersAsync(Deadline())).Rules
        .Single(c => c.Rule.Source.Name == source && c.Rule.RuleIndex == rule && c.Rule.Direction == PolicyDirection.Ingress).Packets;
}
