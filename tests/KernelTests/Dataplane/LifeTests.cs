using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Endpoints that come and go, strangers, and restarts.</summary>
public sealed class LifeTests
{
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    private static async Task<(PretendNode Node, Linux.ScratchNamespace A, Linux.ScratchNamespace B)> TwoAsync()
    {
        var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        var a = await node.WireAsync("a", "10.65.0.2/32");
        var b = await node.WireAsync("b", "10.65.0.3/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        return (node, a, b);
    }

    private static async Task<(Socket Client, Socket Server)> ConnectAsync(Linux.ScratchNamespace from, Linux.ScratchNamespace to,
        string address)
    {
        using var listener = Open(to, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, 5000));
        listener.Listen();
        var client = Open(from, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Parse(address), 5000, Deadline());
        return (client, await listener.AcceptAsync(Deadline()));
    }

    private static bool Carries((Socket Client, Socket Server) connection)
    {
        connection.Client.Send("x"u8);
        return connection.Server.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectRead) && connection.Server.Receive(new byte[1]) == 1;
    }

    [Test]
    public async Task Withdrawal_stops_an_established_flow_and_cuts_its_connection()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        var flow = await ConnectAsync(a, b, "10.65.0.3");
        Assert.That(Carries(flow), Is.True);
        await node.Loop.WithdrawAsync(Id("b"), Deadline());

        // The flow stops with the elements; its tracking entry goes a moment later, before the address is anybody else's.
        Assert.That(node.Host.Inside("nft", "list", "ruleset"), Does.Not.Contain("calib"));
        Assert.That(node.Host.Inside("ip", "route"), Does.Not.Contain("10.65.0.3"));
        Assert.That(Carries(flow), Is.False);
        await EventuallyAsync(() => !node.Host.Inside("conntrack", "-L").Contains("10.65.0.3", StringComparison.Ordinal),
            "the connection to be cut");
        await node.Loop.WithdrawAsync(Id("b"), Deadline());
        flow.Client.Dispose();
        flow.Server.Dispose();
    }

    [Test]
    public async Task B1_a_loop_that_somebody_elses_cancellation_ends_says_so()
    {
        var (node, _, _) = await TwoAsync();
        await using var __ = node;
        node.Loop.LinkGone += (_, _) => throw new OperationCanceledException("of a caller's own time");
        node.Host.Inside("ip", "link", "delete", "calia");
        await EventuallyAsync(() => node.Loop.Completion.IsFaulted, "the end to be told");
        Assert.That(node.Loop.LastError, Does.Contain("of a caller's own time"));
        Assert.That(async () => await node.PublishAsync("b", "10.65.0.3/32", "open"),
            Throws.InstanceOf<CalicoException>().Or.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task Flushed_ruleset_comes_back()
    {
        var (node, a, _) = await TwoAsync();
        await using var __ = node;
        node.Host.Inside("nft", "add", "table", "inet", "stranger");
        var before = node.Host.Inside("nft", "-s", "list", "table", "inet", "calico");
        node.Host.Inside("nft", "flush", "ruleset");
        await EventuallyAsync(() => node.Loop.Status.Healed > 0, "the table to be restored");
        Assert.That(Lines(node.Host.Inside("nft", "-s", "list", "table", "inet", "calico")), Is.EquivalentTo(Lines(before)));
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
        TestContext.Out.WriteLine($"restored after {node.Loop.Status.LastHeal.TotalMilliseconds} ms");
    }

    [Test]
    public async Task Foreign_rule_chain_and_element_go_and_foreign_tables_stay()
    {
        var (node, _, _) = await TwoAsync();
        await using var __ = node;
        node.Host.Inside("nft", "add", "table", "inet", "stranger");
        var before = Lines(node.Host.Inside("nft", "-s", "list", "table", "inet", "calico"));
        foreach (var change in new[]
        {
            "insert rule inet calico forward-egress accept", "add chain inet calico backdoor", "flush chain inet calico wl-raw",
            "delete element inet calico workloads { \"calia\" }", "add element inet calico workloads { \"calix\" }",
        })
        {
            var healed = node.Loop.Status.Healed;
            node.Host.Inside("nft", change.Split(' '));
            await EventuallyAsync(() => node.Loop.Status.Healed > healed, change);
            Assert.That(Lines(node.Host.Inside("nft", "-s", "list", "table", "inet", "calico")), Is.EquivalentTo(before), change);
        }

        Assert.That(node.Host.Inside("nft", "list", "tables"), Does.Contain("inet stranger"));
    }

    [Test]
    public async Task Deleted_route_and_changed_setting_come_back()
    {
        var (node, a, _) = await TwoAsync();
        await using var __ = node;
        node.Host.Inside("ip", "route", "add", "198.51.100.0/24", "dev", "lo");
        node.Host.Inside("ip", "route", "del", "10.65.0.3/32");
        await EventuallyAsync(() => node.Host.Inside("ip", "route").Contains("10.65.0.3 dev calib proto 80"), "the route");
        node.Host.Inside("sysctl", "-qw", "net.ipv4.ip_forward=0");
        await EventuallyAsync(() => CanPing(a, "10.65.0.3"), "forwarding");
        Assert.That(node.Host.Inside("ip", "route"), Does.Contain("198.51.100.0/24"), "not ours");
    }

    [Test]
    public async Task Route_that_bird_still_holds_becomes_the_new_workloads()
    {
        var (node, a, _) = await TwoAsync();
        await using var __ = node;
        // The workload was on another node a moment ago; proto 12 is BIRD's (rtnetlink.h).
        node.Host.Inside("ip", "route", "add", "blackhole", "10.65.0.4/32", "proto", "12");
        await node.WireAsync("c", "10.65.0.4/32");
        await node.PublishAsync("c", "10.65.0.4/32", "open");
        Assert.That(node.Host.Inside("ip", "route"), Does.Contain("10.65.0.4 dev calic proto 80").And.Not.Contain("blackhole"));
        Assert.That(CanPing(a, "10.65.0.4"), Is.True);
    }

    [Test]
    public async Task Link_that_was_down_has_its_route_again()
    {
        var (node, a, _) = await TwoAsync();
        await using var __ = node;
        node.Host.Inside("ip", "link", "set", "calib", "down");
        node.Host.Inside("ip", "link", "set", "calib", "up");
        await EventuallyAsync(() => node.Host.Inside("ip", "route").Contains("10.65.0.3 dev calib proto 80"), "the route");
        await EventuallyAsync(() => CanPing(a, "10.65.0.3"), "the workload");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Endpoint_that_is_withdrawn_and_published_on_a_standing_link_has_its_route_again(bool wiredFirst)
    {
        var (node, a, _) = await TwoAsync();
        await using var __ = node;
        if (!wiredFirst)
        {
            // The link's maker died; nothing in this process knows its routes.
            await node.RestartAsync();
            await node.Loop.SetInitialAsync([Endpoint("a", "10.65.0.2/32", "open"), Endpoint("b", "10.65.0.3/32", "open")], Deadline());
            node.Accept(Profile("open", AllowAll));
        }

        await node.Loop.WithdrawAsync(Id("b"), Deadline());
        await EventuallyAsync(() => !node.Host.Inside("ip", "route").Contains("10.65.0.3"), "the route to go");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        Assert.That(node.Host.Inside("ip", "route"), Does.Contain("10.65.0.3 dev calib proto 80"));
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
    }

    [Test]
    public async Task Blocks_of_this_node_lead_nowhere_and_strays_of_ours_go()
    {
        var node = new PretendNode();
        await using var _ = node;
        node.Host.Inside("ip", "route", "add", "blackhole", "10.99.0.0/26", "proto", "80");
        node.Host.Inside("ip", "route", "add", "blackhole", "10.98.0.0/26", "proto", "81");
        await node.StartAsync();
        Resource Block(string? affinity) => new Resource<IpamBlockSpec>
        {
            Kind = "IPAMBlock", Metadata = new() { Name = "10.65.0.0/26" }, Spec = new() { Cidr = "10.65.0.0/26", Affinity = affinity },
        };
        node.Accept(Block("host:node-a"));
        await EventuallyAsync(() => node.Host.Inside("ip", "route").Contains("blackhole 10.65.0.0/26 proto 80"), "the block's route");
        Assert.That(node.Host.Inside("ip", "route"), Does.Not.Contain("10.99.0.0/26").And.Contain("10.98.0.0/26"));
        node.Accept(Block(null));
        await EventuallyAsync(() => !node.Host.Inside("ip", "route").Contains("10.65.0.0/26"), "it to go");
    }

    [Test]
    public async Task Restart_keeps_flows_withdraws_before_sync_and_sweeps_after()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        await node.WireAsync("c", "10.65.0.4/32");
        await node.PublishAsync("c", "10.65.0.4/32", "open");
        await node.WireAsync("d", "10.65.0.5/32");
        await node.PublishAsync("d", "10.65.0.5/32", "open");
        var flow = await ConnectAsync(a, b, "10.65.0.3");

        await node.RestartAsync();
        Assert.That(Carries(flow), Is.True, "after the restart");
        Assert.That(CanPing(a, "10.65.0.4"), Is.True, "the former process's table still decides");
        Assert.That(node.Loop.InSync, Is.False);
        // The log knows a, b and d; c was removed while no process ran.
        await node.Loop.SetInitialAsync([.. new[] { ("a", "10.65.0.2/32"), ("b", "10.65.0.3/32"), ("d", "10.65.0.5/32") }
            .Select(e => Endpoint(e.Item1, e.Item2, "open"))], Deadline());
        await node.Loop.WithdrawAsync(Id("d"), Deadline());
        Assert.That(CanPing(a, "10.65.0.5"), Is.False, "withdrawn before the store was read");
        Assert.That(CanPing(a, "10.65.0.4"), Is.True, "nothing is swept before");

        var generation = Lines(node.Host.Inside("nft", "-a", "list", "chain", "inet", "calico", "wl-raw"));
        node.Accept(Profile("open", AllowAll));
        await EventuallyAsync(() => node.Loop.InSync, "the first comparison");
        Assert.That(CanPing(a, "10.65.0.4"), Is.False, "swept");
        Assert.That(node.Host.Inside("ip", "route"), Does.Not.Contain("10.65.0.4"));
        Assert.That(Carries(flow), Is.True, "after the sweep");
        Assert.That(Lines(node.Host.Inside("nft", "-a", "list", "chain", "inet", "calico", "wl-raw")), Is.EqualTo(generation),
            "what was right was not written again: the handles are the same");
        flow.Client.Dispose();
        flow.Server.Dispose();
    }

    [Test]
    public async Task What_a_killed_process_left_uncut_is_not_inherited_by_the_next_owner()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        var flow = await ConnectAsync(a, b, "10.65.0.3");
        // Of an endpoint whose removal was answered and logged; then the process was killed.
        Remember(node, "10.65.0.2", "10.65.0.4");
        Remember(node, "10.65.0.4", "198.51.100.7");
        Remember(node, "10.65.0.2", "198.51.100.8");
        await node.RestartAsync();
        await node.Loop.SetInitialAsync([.. new[] { ("a", "10.65.0.2/32"), ("b", "10.65.0.3/32") }
            .Select(e => Endpoint(e.Item1, e.Item2, "open"))], Deadline());
        node.Accept(Profile("open", AllowAll));
        await EventuallyAsync(() => node.Loop.InSync, "the first comparison");
        Assert.That(Connections(node), Does.Contain("10.65.0.4"), "nobody says that it is free: it may be another node's");

        var c = await node.WireAsync("c", "10.65.0.4/32");
        await node.PublishAsync("c", "10.65.0.4/32", "open");
        Assert.That(Connections(node), Does.Not.Contain("10.65.0.4"), "when it is enforced for its next owner");
        Assert.That(Connections(node), Does.Contain("198.51.100.8").And.Contain("10.65.0.3"), "of endpoints that live on");
        Assert.That(Carries(flow), Is.True);

        // Its own connections are its own, also when it is published again.
        var own = await ConnectAsync(a, c, "10.65.0.4");
        await node.PublishAsync("c", "10.65.0.4/32", "open", "other");
        Assert.That(Connections(node), Does.Contain("10.65.0.4"));
        Assert.That(Carries(own), Is.True);
        Dispose(flow);
        Dispose(own);
    }

    [Test]
    public async Task An_endpoint_that_was_recorded_and_not_enforced_before_the_kill_inherits_nothing()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        var flow = await ConnectAsync(a, b, "10.65.0.3");
        // The former owner's; the new one's record and pair are there, and then the process was killed.
        await node.WireAsync("c", "10.65.0.4/32");
        Remember(node, "10.65.0.2", "10.65.0.4");
        Remember(node, "10.65.0.3", "198.51.100.8");
        await node.RestartAsync();
        await node.Loop.SetInitialAsync([.. new[] { ("a", "10.65.0.2/32"), ("b", "10.65.0.3/32"), ("c", "10.65.0.4/32") }
            .Select(e => Endpoint(e.Item1, e.Item2, "open"))], Deadline());
        node.Accept(Profile("open", AllowAll));
        await EventuallyAsync(() => node.Loop.InSync, "the first comparison");

        var left = Connections(node);
        Assert.That(left, Does.Not.Contain("dst=10.65.0.4 "), "the former owner's");
        Assert.That(left, Does.Contain("dst=198.51.100.8 ").And.Contain("dst=10.65.0.3 "), "of endpoints that were enforced");
        Assert.That(Carries(flow), Is.True);
        Dispose(flow);
    }

    [Test]
    public async Task What_a_killed_process_left_uncut_goes_where_the_store_shows_the_address_free()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        var flow = await ConnectAsync(a, b, "10.65.0.3");
        foreach (var address in new[] { "10.65.0.1", "10.65.0.4", "10.65.0.5", "10.65.0.64" })
        {
            Remember(node, "10.65.0.2", address);
        }

        await node.RestartAsync();
        await node.Loop.SetInitialAsync([.. new[] { ("a", "10.65.0.2/32"), ("b", "10.65.0.3/32") }
            .Select(e => Endpoint(e.Item1, e.Item2, "open"))], Deadline());
        node.Accept(Profile("open", AllowAll),
            // .1 is a tunnel's, .2 and .3 are this node's endpoints' (the store missed .3), .5 was borrowed by another node.
            Block("10.65.0.0/26", "host:node-a", 1, 2, 5), Block("10.65.0.64/26", "host:node-b"));

        await EventuallyAsync(() => !Connections(node).Contains("10.65.0.4 ", StringComparison.Ordinal), "the free address's to be cut");
        var left = Connections(node);
        Assert.That(left, Does.Contain("dst=10.65.0.1 ").And.Contain("dst=10.65.0.5 ").And.Contain("dst=10.65.0.64 "));
        Assert.That(Carries(flow), Is.True);
        Assert.That(left, Does.Contain("dst=10.65.0.3 "));
        Dispose(flow);
    }

    private static void Remember(PretendNode node, string source, string destination) => node.Host.Inside("conntrack", "-I", "-p", "tcp",
        "-s", source, "-d", destination, "--sport", "40000", "--dport", "80", "--state", "ESTABLISHED", "--timeout", "600");

    private static string Connections(PretendNode node) => node.Host.Inside("conntrack", "-L");

    private static Resource Block(string cidr, string affinity, params int[] taken) => new Resource<IpamBlockSpec>
    {
        Kind = "IPAMBlock",
        Metadata = new() { Name = cidr },
        Spec = new() { Cidr = cidr, Affinity = affinity,
            Allocations = [.. Enumerable.Range(0, 64).Select(i => taken.Contains(i) ? (int?)0 : null)] },
    };

    private static void Dispose((Socket Client, Socket Server) flow)
    {
        flow.Client.Dispose();
        flow.Server.Dispose();
    }

    [Test]
    public async Task Same_names_can_be_wired_again_at_once_and_a_strangers_interface_is_refused()
    {
        var (node, a, _) = await TwoAsync();
        await using var __ = node;
        for (var life = 0; life < 3; life++)
        {
            await node.Loop.WithdrawAsync(Id("a"), Deadline());
            await node.Wiring.UnwireAsync("calia", "eth0", $"/run/netns/{a.Name}", a.File.Identity.Inode, Deadline());
            await node.Wiring.WireAsync(node.Request("a", "10.65.0.2/32"), Deadline());
            await node.PublishAsync("a", "10.65.0.2/32", "open");
            Assert.That(CanPing(a, "10.65.0.3"), Is.True, $"life {life}");
        }

        Assert.That(await node.Wiring.CheckAsync(node.Request("a", "10.65.0.2/32"), $"/run/netns/{a.Name}", Deadline()), Is.Empty);
        Assert.That(node.Wiring.ListLinks(), Is.EquivalentTo(new[] { "calia", "calib" }));

        var refused = await Assert.ThrowsAsync<CalicoException>(() =>
            node.Wiring.WireAsync(node.Request("a", "10.65.0.9/32") with { HostInterface = "calinew" }, Deadline()));
        Assert.That(refused!.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(node.Wiring.ListLinks(), Does.Not.Contain("calinew"));
    }

    [Test]
    public async Task Died_namespace_is_told()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        var gone = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Loop.LinkGone += (_, name) => gone.TrySetResult(name);
        await node.WireAsync("a", "10.65.0.2/32");
        node.Host.Inside("ip", "link", "del", "calia");
        Assert.That(await gone.Task.WaitAsync(Deadline()), Is.EqualTo("calia"));
    }

    [Test]
    public async Task Interface_of_another_prefix_is_never_published()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        Assert.That(() => node.Loop.PublishAsync(Endpoint("e", "10.65.0.9/32", "open") with { InterfaceName = "eth7" }, Deadline()),
            Throws.TypeOf<CalicoException>().With.Property(nameof(CalicoException.Problem)).EqualTo(Problem.Invalid));
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
