using Calico.Dataplane.Strangers;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.KernelTests.Linux;
using Calico.TestKit;
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

    private static ForwardPath Path(PretendNode node) =>
        new(node.Network, node.Options, TimeProvider.System, NullLoggerFactory.Instance, node.Loop.ListAddressesAsync);

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
            await EventuallyAsync(() => Ours(node, "iptables-nft", "DOCKER-USER") == 2 && Ours(node, "iptables-nft", "FORWARD") == 0,
                "the next one to know them");
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

    [TestCase("inet")]
    [TestCase("ip")]
    public async Task A14_a_chain_of_nobodys_iptables_is_named_and_not_touched(string family)
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        await using var path = Path(node);
        path.Start();
        node.Host.Inside("nft",
            $"add table {family} wall; add chain {family} wall through {{ type filter hook forward priority 10; policy drop; }}");
        await EventuallyAsync(() => path.Problems.Length == 1, "it to be named");
        Assert.That(path.Problems[0], Does.Contain($"chain through of table {family} wall"));
        Assert.That(CanPing(a, "10.65.0.3"), Is.False);
        foreach (var command in path.Problems[0].Split(": ")[1].Split("; "))
        {
            node.Host.Inside("sh", "-c", command.Replace("\"cali*\"", "'\"cali*\"'"));
        }

        await EventuallyAsync(() => path.Problems.IsEmpty, "what was advised to help");
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
    }

    [TestCase("nft", "add table inet wall; add chain inet wall raw { type filter hook prerouting priority -310; }; add rule inet wall raw "
        + "ip saddr 10.65.0.0/16 drop", "chain raw of table inet wall", "10.65.0.3")]
    [TestCase("nft", "add table ip wall; add chain ip wall through { type filter hook forward priority 5; }; add rule ip wall through ip "
        + "daddr { 10.65.0.3, 192.0.2.1 } icmp type echo-request drop", "chain through of table ip wall", "10.65.0.3")]
    [TestCase("nft", "add table inet wall; add chain inet wall through { type filter hook forward priority 5; }; add rule inet wall "
        + "through meta l4proto icmp reject", "chain through of table inet wall", "10.65.0.3")]
    [TestCase("nft", "add table inet wall; add chain inet wall inner; add rule inet wall inner counter drop; add chain inet wall mangle { "
        + "type filter hook postrouting priority -150; }; add rule inet wall mangle oifname cali* jump inner",
        "chain inner of table inet wall", "10.65.0.3")]
    [TestCase("nft", "add table ip6 wall; add chain ip6 wall through { type filter hook forward priority 5; }; add rule ip6 wall through "
        + "ip6 daddr fd65::/64 drop", "chain through of table ip6 wall", "fd65::3")]
    [TestCase("iptables-nft", "-t raw -A PREROUTING -s 10.65.0.0/24 -j DROP", "chain PREROUTING of table ip raw", "10.65.0.3")]
    [TestCase("iptables-nft", "-t mangle -A FORWARD -p icmp -j DROP", "chain FORWARD of table ip mangle", "10.65.0.3")]
    [TestCase("iptables-nft", "-N WALL; -A WALL -d 10.65.0.3 -j REJECT; -A FORWARD -i cali+ -j WALL", "chain WALL of table ip filter",
        "10.65.0.3")]
    [TestCase("iptables-legacy", "-t raw -A PREROUTING -s 10.65.0.0/24 -j DROP", "chain PREROUTING of table raw of iptables-legacy",
        "10.65.0.3")]
    [TestCase("iptables-legacy", "-N WALL; -A WALL -p icmp -j DROP; -A FORWARD -j WALL", "chain WALL of table filter of iptables-legacy",
        "10.65.0.3")]
    [TestCase("ip6tables-legacy", "-A FORWARD -o cali+ -j DROP", "chain FORWARD of table filter of ip6tables-legacy", "fd65::3")]
    public async Task A14_a_rule_of_others_that_drops_what_workloads_send_is_named_and_what_is_advised_helps(string program,
        string commands, string named, string target)
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        await using var path = Path(node);
        path.Start();
        Run(node, program, commands);
        Assert.That(CanPing(a, target), Is.False, "the rule drops");
        await EventuallyAsync(() => path.Problems.Length > 0, "it to be named");
        Assert.That(path.Problems, Has.Length.EqualTo(1));
        Assert.That(path.Problems[0], Does.StartWith(named));
        var advice = path.Problems[0].Split("take the rule away: ")[1];
        node.Host.Inside("sh", "-c", advice);
        await EventuallyAsync(() => path.Problems.IsEmpty, $"what was advised to help: {advice}");
        Assert.That(CanPing(a, target), Is.True);
    }

    /// <summary>What docker, firewalld and careful people write, and what is about others.</summary>
    [TestCase("iptables-nft",
        "-N DOCKER-ISOLATION-STAGE-1; -N DOCKER-ISOLATION-STAGE-2; -A FORWARD -j DOCKER-ISOLATION-STAGE-1; -A DOCKER-ISOLATION-STAGE-1 -i "
            + "docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2; -A DOCKER-ISOLATION-STAGE-1 -j RETURN; -A DOCKER-ISOLATION-STAGE-2 -o "
            + "docker0 -j DROP; -A DOCKER-ISOLATION-STAGE-2 -j RETURN; -N DOCKER; -A FORWARD -o docker0 -j DOCKER; -A DOCKER ! -i docker0 "
            + "-o docker0 -j DROP; -t raw -A PREROUTING -d 172.17.0.2 ! -i docker0 -j DROP")]
    [TestCase("iptables-nft",
        "-A FORWARD -m conntrack --ctstate INVALID -j DROP; -A INPUT -p tcp --dport 22 -j DROP; -A INPUT -j DROP; -A FORWARD -i eth7 -j "
            + "DROP; -A FORWARD -s 192.0.2.0/24 -j DROP; -t mangle -A PREROUTING -m mark --mark 0x123 -j DROP")]
    [TestCase("iptables-legacy",
        "-N STAGE; -A FORWARD -i docker0 ! -o docker0 -j STAGE; -A STAGE -o docker0 -j DROP; -A FORWARD -m conntrack --ctstate INVALID -j "
            + "DROP; -A FORWARD -s 192.0.2.0/24 -j DROP; -A INPUT -p tcp -m tcp --dport 22 -j DROP")]
    [TestCase("nft", "add table inet fw; add chain inet fw raw { type filter hook prerouting priority -150; }; add rule inet fw raw ct "
        + "state invalid drop; add rule inet fw raw meta nfproto ipv6 fib saddr . mark . iif oif missing drop; add chain inet fw in { "
        + "type filter hook input priority 10; policy drop; }; add rule inet fw in iifname { lo, eth0 } accept; add rule inet fw in "
        + "accept; add chain inet fw through { type filter hook forward priority 10; }; add rule inet fw through iifname cali* accept; "
        + "add rule inet fw through oifname cali* accept; add rule inet fw through ip daddr 10.65.0.0/16 drop")]
    public async Task A14_rules_that_are_not_about_workloads_raise_no_alarm(string program, string commands)
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        await using var path = Path(node);
        path.Start();
        Run(node, program, commands);
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
        // Something is found after it: so it was looked at.
        Run(node, "nft", "add table inet wall; add chain inet wall through { type filter hook forward priority 20; }; add rule inet wall "
            + "through ip saddr 10.65.0.2 drop");
        await EventuallyAsync(() => path.Problems.Length > 0, "a look");
        Assert.That(path.Problems, Has.Length.EqualTo(1));
        Assert.That(path.Problems[0], Does.StartWith("chain through of table inet wall"));
    }

    /// <summary>The legacy variant tells nobody of a change.</summary>
    [Test]
    public async Task A14_tables_of_the_legacy_variant_are_looked_at_every_ten_seconds_while_they_are_loaded()
    {
        var time = new ManualTime();
        await using var node = new PretendNode();
        node.Host.Inside("iptables-legacy", "-S");
        await using var path = new ForwardPath(node.Network, node.Options, time, NullLoggerFactory.Instance);
        path.Start();
        await EventuallyAsync(() => time.Waiting.Contains(TimeSpan.FromSeconds(1)), "the first look");
        time.Advance(TimeSpan.FromSeconds(1));
        await EventuallyAsync(() => time.Waiting.Contains(TimeSpan.FromSeconds(10)), "the next to be due");
        node.Host.Inside("iptables-legacy", "-P", "FORWARD", "DROP");
        time.Advance(TimeSpan.FromSeconds(9));
        await Task.Delay(200);
        Assert.That(Ours(node, "iptables-legacy", "FORWARD"), Is.Zero, "nothing tells of it");
        time.Advance(TimeSpan.FromSeconds(1));
        await EventuallyAsync(() => Ours(node, "iptables-legacy", "FORWARD") == 2,
            "the look after ten seconds, not the audit after ninety");
    }

    private static void Run(PretendNode node, string program, string commands)
    {
        if (program == "nft")
        {
            node.Host.Inside("nft", commands);
            return;
        }

        foreach (var command in commands.Split(';', StringSplitOptions.TrimEntries))
        {
            node.Host.Inside(program, command.Split(' '));
        }
    }

    private static int Ours(PretendNode node, string program, string chain) =>
        node.Host.Inside(program, "-S", chain).Split('\n').Count(l => l.Contains("cali:forward", StringComparison.Ordinal));
}
