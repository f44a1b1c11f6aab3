using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Felix;
using Calico.KernelTests.Linux;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>What began while nobody enforced ends when enforcement begins again; what is allowed goes on.</summary>
[NonParallelizable]
public sealed class GapTests
{
    private const string A = "10.65.0.2";
    private const string B = "10.65.0.3";
    private const string C = "10.65.0.4";
    private const string World = "192.0.2.9";
    private static readonly TimeSpan Promise = TimeSpan.FromSeconds(1);
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    /// <summary>a and c share a network, b is in another: each lets in its own members only.</summary>
    private static readonly Resource[] Networks =
    [
        Profile("red", [("net", "red")], new Rule { Action = "Allow", Source = new() { Selector = "net == 'red'" } }),
        Profile("blue", [("net", "blue")], new Rule { Action = "Allow", Source = new() { Selector = "net == 'blue'" } }),
        Pool("10.65.0.0/24", natOutgoing: true),
    ];

    private static LocalEndpoint[] Endpoints =>
        [Endpoint("a", A + "/32", "red"), Endpoint("b", B + "/32", "blue"), Endpoint("c", C + "/32", "red")];

    [TestCase("the table was deleted")]
    [TestCase("a rule was put before ours")]
    [TestCase("policy was tightened")]
    public async Task A3_what_began_while_the_process_was_away_ends_and_what_is_allowed_goes_on(string gap)
    {
        await using var three = await Three.StartAsync();
        var node = three.Node;
        if (gap == "policy was tightened")
        {
            node.Accept(Profile("red", [("net", "red")], AllowAll), Profile("blue", [("net", "blue")], AllowAll));
            await EventuallyAsync(() => CanPing(three.A, B), "policy to be open");
        }

        using var before = await Stream.OpenAsync(three.A, three.C, C, 5001);
        using var masqueraded = await Stream.OpenAsync(three.A, three.World, World, 5002);
        Stream? refused = null, allowed = null;
        Echo? ping = null;
        await node.RestartAsync(async () =>
        {
            if (gap != "policy was tightened")
            {
                node.Host.Inside("nft", gap.StartsWith("the table", StringComparison.Ordinal)
                    ? "delete table inet calico" : "insert rule inet calico forward-ingress accept");
            }

            (refused, allowed) = (await Stream.OpenAsync(three.A, three.B, B, 5003), await Stream.OpenAsync(three.C, three.A, A, 5004));
            ping = new(three.A, B);
            Assert.That(ping.IsAnswered() && refused.Carries() && allowed.Carries(), Is.True, "the gap is open");
        });
        await node.Loop.SetInitialAsync([.. Endpoints], Deadline());
        node.Accept(Networks);
        await EventuallyAsync(() => node.Loop.InSync, "the first comparison");
        await Task.Delay(Promise);

        Assert.That(ping!.IsAnswered(), Is.False, "ping");
        Assert.That(refused!.Carries(), Is.False, "TCP");
        Assert.That(before.Carries() && allowed!.Carries(), Is.True, "allowed");
        Assert.That(masqueraded.Answers(), Is.True, "the server speaks first: it knows a's port of before only");
        Assert.That(masqueraded.Carries(), Is.True, "masqueraded");
        refused.Dispose();
        allowed!.Dispose();
        ping.Dispose();
    }

    [TestCase("delete table inet calico")]
    [TestCase("insert rule inet calico forward-ingress accept")]
    [TestCase("delete element inet calico ingress-programs { \"calib\" }")]
    public async Task A3_what_began_before_a_strangers_change_was_undone_ends(string change)
    {
        await using var three = await Three.StartAsync();
        var node = three.Node;
        using var masqueraded = await Stream.OpenAsync(three.A, three.World, World, 5002);
        using var datagrams = new Datagrams(three.A, three.B, B);
        // What a packet in a gap of some milliseconds leaves behind; the entry of an allowed flow beside it.
        datagrams.Remember(node, A);
        Remember(node, C, A);
        Assert.That(datagrams.Carry(), Is.True, "established: the door is open");

        node.Host.Inside("nft", change);
        await EventuallyAsync(() => node.Loop.Status.Healed > 0, "it to be undone");
        await Task.Delay(Promise);

        Assert.That(datagrams.Carry(), Is.False);
        Assert.That(node.Host.Inside("conntrack", "-L"), Does.Contain($"src={C} dst={A} "), "policy allows it");
        Assert.That(masqueraded.Answers() && masqueraded.Carries(), Is.True, "masqueraded");
    }

    [Test]
    public async Task A3_a_refused_flow_does_not_go_on_from_its_other_end()
    {
        await using var three = await Three.StartAsync();
        var node = three.Node;
        node.Accept(Profile("red", [("net", "red")], AllowAll));
        await EventuallyAsync(() => CanPing(three.B, A), "b to reach a");
        using var datagrams = new Datagrams(three.A, three.B, B);
        datagrams.Remember(node, A);
        node.Host.Inside("nft", "delete", "table", "inet", "calico");
        await EventuallyAsync(() => !node.Host.Inside("conntrack", "-L").Contains("sport=4000 dport=5000", StringComparison.Ordinal),
            "the cut");
        // The last answer, late: for the kernel b begins a connection now, and may.
        Assert.That(datagrams.Answer(), Is.True);
        await EventuallyAsync(() => !datagrams.Carry(), "its tail to be cut");
    }

    [Test]
    public async Task A3_an_endpoint_that_closes_carries_nothing_and_one_that_opens_is_judged_by_its_labels()
    {
        await using var three = await Three.StartAsync();
        var node = three.Node;
        using var flow = await Stream.OpenAsync(three.A, three.C, C, 5001);
        // Which of the two it is depends on labels of a that are still to come.
        node.Accept(Profile("red", [("net", "red")],
            new Rule { Action = "Allow", Source = new() { Selector = "net == 'red' && role != 'guest'" } }));
        var state = await node.Loop.PublishAsync(Endpoints[0] with { LabelsPending = true }, Deadline());
        Assert.That(state, Is.EqualTo(EndpointState.Closed));
        await Task.Delay(Promise);
        Assert.That(flow.Carries(), Is.False, "closed");
        Assert.That(await node.Loop.PublishAsync(Endpoints[0], Deadline()), Is.EqualTo(EndpointState.Enforced));
        await EventuallyAsync(() => flow.Carries(), "TCP to send again, and policy to let it");
    }

    [Test]
    public async Task A3_an_endpoint_that_comes_right_after_a_gap_inherits_nothing_of_it()
    {
        await using var three = await Three.StartAsync();
        var node = three.Node;
        var d = await node.WireAsync("d", "10.65.0.5/32");
        node.Host.Inside("nft", "delete", "table", "inet", "calico");
        await EventuallyAsync(() => node.Loop.Status.Healed > 0, "the table");
        using var datagrams = new Datagrams(three.A, d, "10.65.0.5");
        datagrams.Remember(node, A);
        await node.PublishAsync("d", "10.65.0.5/32", "blue");
        Assert.That(datagrams.Carry(), Is.False);
    }

    [Test]
    public async Task A8_an_interface_of_another_endpoint_is_refused_and_stays_its()
    {
        await using var three = await Three.StartAsync();
        var error = await Assert.ThrowsAsync<CalicoException>(() =>
            three.Node.Loop.PublishAsync(Endpoint("other", B + "/32", "red") with { InterfaceName = "calia" }, Deadline()));
        Assert.That(error!.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(error.Message, Does.Contain("calia").And.Contain(Id("a").ToString()));
        Assert.That(CanPing(three.A, C), Is.True);
    }

    private static void Remember(PretendNode node, string source, string destination) => node.Host.Inside("conntrack", "-I", "-p", "tcp",
        "-s", source, "-d", destination, "--sport", "40000", "--dport", "80", "--state", "ESTABLISHED", "--timeout", "600");

    /// <summary>Three workloads, and a world that reaches none of them but through what it was sent from.</summary>
    private sealed record Three(PretendNode Node, ScratchNamespace A, ScratchNamespace B, ScratchNamespace C, ScratchNamespace World)
        : IAsyncDisposable
    {
        public static async Task<Three> StartAsync()
        {
            var node = new PretendNode();
            await node.StartAsync();
            node.Accept(Networks);
            var (a, b, c) = (await node.WireAsync("a", GapTests.A + "/32"), await node.WireAsync("b", GapTests.B + "/32"),
                await node.WireAsync("c", GapTests.C + "/32"));
            await Task.WhenAll(Endpoints.Select(e => node.Loop.PublishAsync(e, Deadline())));
            var world = new ScratchNamespace();
            node.Host.Inside("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", world.Name);
            node.Host.Inside("ip", "addr", "add", "192.0.2.1/24", "dev", "up0");
            node.Host.Inside("ip", "link", "set", "up0", "up");
            world.Inside("ip", "addr", "add", GapTests.World + "/24", "dev", "eth0");
            world.Inside("ip", "link", "set", "eth0", "up");
            // As beside another firewall: connections are tracked, and addresses translated, whether our table is there or not.
            node.Host.Inside("nft",
                "add table ip stranger; add chain ip stranger c { type nat hook postrouting priority 110; }; add rule ip stranger c ct "
                    + "state established accept");
            return new(node, a, b, c, world);
        }

        public async ValueTask DisposeAsync()
        {
            await Node.DisposeAsync();
            World.Dispose();
        }
    }

    private sealed class Stream(Socket client, Socket server) : IDisposable
    {
        public static async Task<Stream> OpenAsync(ScratchNamespace from, ScratchNamespace to, string address, int port)
        {
            using var listener = Open(to, SocketType.Stream, ProtocolType.Tcp);
            listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            listener.Bind(new IPEndPoint(IPAddress.Any, port));
            listener.Listen();
            var client = Open(from, SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(IPAddress.Parse(address), port, Deadline());
            return new(client, await listener.AcceptAsync(Deadline()));
        }

        public bool Carries() => Passes(client, server);

        public bool Answers() => Passes(server, client);

        public void Dispose()
        {
            client.Dispose();
            server.Dispose();
        }

        private static bool Passes(Socket from, Socket to)
        {
            from.Send("x"u8);
            return to.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectRead) && to.Receive(new byte[100]) > 0;
        }
    }

    private sealed class Datagrams : IDisposable
    {
        private readonly Socket _client;
        private readonly Socket _server;
        private readonly IPEndPoint _there;
        private EndPoint _here;

        public Datagrams(ScratchNamespace from, ScratchNamespace to, string address)
        {
            (_client, _server) = (Open(from, SocketType.Dgram, ProtocolType.Udp), Open(to, SocketType.Dgram, ProtocolType.Udp));
            _client.Bind(new IPEndPoint(IPAddress.Any, 4000));
            _server.Bind(new IPEndPoint(IPAddress.Any, 5000));
            (_there, _here) = (new(IPAddress.Parse(address), 5000), new IPEndPoint(IPAddress.Any, 0));
        }

        public void Remember(PretendNode node, string source)
        {
            _here = new IPEndPoint(IPAddress.Parse(source), 4000);
            node.Host.Inside("conntrack", "-I", "-p", "udp", "-s", source, "-d", _there.Address.ToString(), "--sport", "4000", "--dport",
                "5000", "--timeout", "600",
                "-u", "SEEN_REPLY");
        }

        public bool Carry()
        {
            _client.SendTo("x"u8, _there);
            return Arrives(_server);
        }

        public bool Answer()
        {
            _server.SendTo("x"u8, _here);
            return Arrives(_client);
        }

        public void Dispose()
        {
            _client.Dispose();
            _server.Dispose();
        }

        private static bool Arrives(Socket socket) =>
            socket.Poll(TimeSpan.FromMilliseconds(300), SelectMode.SelectRead) && socket.Receive(new byte[100]) > 0;
    }

    /// <summary>Echo requests with one number: one connection for the kernel.</summary>
    private sealed class Echo(ScratchNamespace from, string address) : IDisposable
    {
        private readonly Socket _socket = from.Broker.Run(from.File,
            () => new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp));

        public bool IsAnswered()
        {
            // The checksum is of these bytes (RFC 1071).
            _socket.SendTo([8, 0, 0xf7, 0xfc, 0, 1, 0, 2], new IPEndPoint(IPAddress.Parse(address), 0));
            return _socket.Poll(TimeSpan.FromMilliseconds(300), SelectMode.SelectRead) && _socket.Receive(new byte[200]) > 0;
        }

        public void Dispose() => _socket.Dispose();
    }
}
