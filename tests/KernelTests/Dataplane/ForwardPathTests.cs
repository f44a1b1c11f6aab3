using Calico.Dataplane.Strangers;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.KernelTests.Linux;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Chains of others that decide after ours.</summary>
public sealed class ForwardPathTests
{
    private static async Task<(PretendNode Node, ScratchNamespace A)> NodeAsync()
    {
        var node = new PretendNode(TimeSpan.FromMilliseconds(500));
        await node.StartAsync();
        node.Accept(Profile("open", new Rule { Action = "Allow" }), Profile("shut"));
        var a = await node.WireAsync("a", "10.65.0.2/32", "fd65::2/128");
        foreach (var (name, last, profile) in new[] { ("b", 3, "open"), ("c", 4, "shut") })
        {
            await node.WireAsync(name, $"10.65.0.{last}/32", $"fd65::{last}/128");
            await PublishAsync(node, name, last, profile);
        }
        await PublishAsync(node, "a", 2, "open");
        await EventuallyAsync(() => CanPing(a, "10.65.0.3") && CanPing(a, "fd65::3"), "the way to be open at first");
        return (node, a);
    }

    private static Task PublishAsync(PretendNode node, string name, int last, string profile) =>
        node.Loop.PublishAsync(Endpoint(name, $"10.65.0.{last}/32", profile) with
        {
            Addresses = [System.Net.IPNetwork.Parse($"10.65.0.{last}/32"), System.Net.IPNetwork.Parse($"fd65::{last}/128")],
        }, Deadline());

    private static ForwardPath Path(PretendNode node) => new(node.Network, node.Options, TimeProvider.System, NullLoggerFactory.Instance);

    [TestCase("iptables-nft", "10.65.0.3", "10.65.0.4")]
    [TestCase("iptables-legacy", "10.65.0.3", "10.65.0.4")]
    [TestCase("ip6tables-nft", "fd65::3", "fd65::4")]
    [TestCase("ip6tables-legacy", "fd65::3", "fd65::4")]
    public async Task A14_traffic_that_policy_allows_flows_though_iptables_drops_what_it_forwards(string program, string open, string shut)
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        node.Host.Inside(program, "-P", "FORWARD", "DROP");
        Assert.That(CanPing(a, open), Is.False, "the chain drops");
        await using var path = Path(node);
        path.Start();
        await EventuallyAsync(() => CanPing(a, open), "the way to be open");
        Assert.That(CanPing(a, shut), Is.False, "our policy still decides");
        Assert.That(path.Problems, Is.Empty);

        // As dockerd does when it starts: its jumps first, and a chain for others.
        node.Host.Inside(program, "-F", "FORWARD");
        await EventuallyAsync(() => CanPing(a, open), "the rules to come back");
        node.Host.Inside(program, "-N", "DOCKER-USER");
        node.Host.Inside(program, "-A", "DOCKER-USER", "-j", "RETURN");
        node.Host.Inside(program, "-I", "FORWARD", "-j", "DOCKER-USER");
        await EventuallyAsync(() => Ours(node, program, "DOCKER-USER") == 2 && Ours(node, program, "FORWARD") == 0, "the rules to move");
        Assert.That(CanPing(a, open), Is.True);

        node.Host.Inside(program, "-P", "FORWARD", "ACCEPT");
        await EventuallyAsync(() => Ours(node, program, "DOCKER-USER") == 0, "the rules to go when nothing drops any more");
    }

    [Test]
    public async Task A14_a_process_recognises_the_rules_of_a_killed_one_and_takes_them_away_when_asked()
    {
        var (node, _) = await NodeAsync();
        await using var __ = node;
        node.Host.Inside("iptables-nft", "-A", "FORWARD", "-j", "REJECT");
        await using (var path = Path(node))
        {
            path.Start();
            await EventuallyAsync(() => Ours(node, "iptables-nft", "FORWARD") == 2, "the rules");
        }
        var next = Path(node);
        await using (next)
        {
            next.Start();
            node.Host.Inside("iptables-nft", "-N", "DOCKER-USER");
            node.Host.Inside("iptables-nft", "-I", "FORWARD", "-j", "DOCKER-USER");
            await EventuallyAsync(() => Ours(node, "iptables-nft", "DOCKER-USER") == 2 && Ours(node, "iptables-nft", "FORWARD") == 0, "the next one to know them");
        }
        next.Remove();
        Assert.That(Ours(node, "iptables-nft", "DOCKER-USER"), Is.Zero);
        Assert.That(node.Host.Inside("iptables-nft", "-S", "FORWARD").Trim().Split('\n'), Has.Length.EqualTo(3), "only the strangers'");
    }

    [TestCase("iptables-nft")]
    [TestCase("iptables-legacy")]
    public async Task A14_a_chain_for_others_that_nothing_leads_to_is_no_way(string program)
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        node.Host.Inside(program, "-P", "FORWARD", "DROP");
        node.Host.Inside(program, "-N", "DOCKER-USER");
        await using var path = Path(node);
        path.Start();
        await EventuallyAsync(() => CanPing(a, "10.65.0.3"), "the way to be open");
        Assert.That((Ours(node, program, "FORWARD"), Ours(node, program, "DOCKER-USER")), Is.EqualTo((2, 0)));
    }

    [Test]
    public async Task A14_a_chain_of_nobodys_iptables_is_named_and_not_touched()
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        await using var path = Path(node);
        path.Start();
        node.Host.Inside("nft", "add table inet wall; add chain inet wall through { type filter hook forward priority 10; policy drop; }");
        await EventuallyAsync(() => path.Problems.Length == 1, "it to be named");
        Assert.That(path.Problems[0], Does.Contain("chain through of table inet wall"));
        Assert.That(CanPing(a, "10.65.0.3"), Is.False);
        foreach (var command in path.Problems[0].Split(": ")[1].Split("; "))
        {
            node.Host.Inside("sh", "-c", command.Replace("\"cali*\"", "'\"cali*\"'"));
        }
        await EventuallyAsync(() => path.Problems.IsEmpty, "what was advised to help");
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
    }

    private static int Ours(PretendNode node, string program, string chain) =>
        node.Host.Inside(program, "-S", chain).Split('\n').Count(l => l.Contains("cali:forward", StringComparison.Ordinal));
}
