using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.KernelTests.Linux;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Real connections under a policy that changes, ports by name, and what no workload may announce.</summary>
public sealed class ServedTrafficTests
{
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    private readonly List<Socket> _open = [];

    [TearDown]
    public void Close() => _open.ForEach(socket => socket.Dispose());

    [Test]
    public async Task Connection_that_was_allowed_goes_on_under_a_policy_that_denies_new_ones()
    {
        await using var node = new PretendNode();
        var (a, b) = await TwoAsync(node);
        // What began around the opening of a gate is put to policy once more 0.2 s later: that is another test's matter.
        await Task.Delay(TimeSpan.FromSeconds(1));
        var server = Listen(b, 80);
        using var client = Connect(a, 80);
        using var accepted = await server.AcceptAsync(Deadline());

        await ApplyAsync(node, 2, Policy("shut", new Rule { Action = "Deny", Protocol = new("TCP") }, AllowAll));
        Assert.That(Connects(a, 80), Is.False, "a new one");
        await SaysAsync(client, accepted);
        await SaysAsync(accepted, client);

        // As upstream: policies are asked for a connection's first packet.
        await ApplyAsync(node, 3, Policy("shut", new Rule { Action = "Deny" }));
        await SaysAsync(client, accepted);
    }

    [Test]
    public async Task Port_is_called_by_the_name_that_each_endpoint_gives_it()
    {
        await using var node = new PretendNode();
        var (a, b) = await TwoAsync(node);
        Listen(b, 8080);
        Listen(b, 9090);
        await ApplyAsync(node, 2,
            Policy("web", new Rule { Action = "Allow", Protocol = new("TCP"), Destination = new() { Ports = [new("web")] } }));
        Assert.That(Connects(a, 8080), Is.False, "nobody calls it so");
        await NameAsync(node, 8080);
        Assert.That(Connects(a, 8080), Is.True);
        Assert.That(Connects(a, 9090), Is.False);
        await NameAsync(node, 9090);
        Assert.That(Connects(a, 9090), Is.True);
        Assert.That(Connects(a, 8080), Is.False, "it is called so no more");
    }

    [Test]
    public async Task Workload_is_neither_router_nor_DHCP_server_whatever_policy_allows()
    {
        await using var node = new PretendNode();
        var (a, _) = await TwoAsync(node);
        foreach (var (from, to) in new[] { (67, 68), (547, 546) })
        {
            var isIpv6 = from == 547;
            using var server = a.Broker.Run(a.File, () =>
                new Socket(isIpv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
            server.Bind(new IPEndPoint(isIpv6 ? IPAddress.IPv6Any : IPAddress.Any, from));
            var before = await node.DropsAsync("dhcp-server");
            server.SendTo("offer"u8.ToArray(), new IPEndPoint(IPAddress.Parse(isIpv6 ? "fd65::3" : "10.65.0.3"), to));
            await EventuallyAsync(() => node.DropsAsync("dhcp-server").Result == before + 1, $"an offer from port {from}");
        }

        using var router = a.Broker.Run(a.File, () => new Socket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.IcmpV6));
        var index = long.Parse(a.Inside("cat", "/sys/class/net/eth0/ifindex"));
        router.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface, (int)index);
        // RFC 4861, 4.2: type 134, a lifetime of half an hour.
        router.SendTo([134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0],
            new IPEndPoint(new IPAddress(IPAddress.Parse("ff02::1").GetAddressBytes(), index), 0));
        await EventuallyAsync(() => node.DropsAsync("ra").Result == 1, "an advertisement");
    }

    /// <summary>Two workloads that may do everything.</summary>
    private static async Task<(ScratchNamespace A, ScratchNamespace B)> TwoAsync(PretendNode node)
    {
        await node.StartAsync();
        var a = await node.WireAsync("a", "10.65.0.2/32", "fd65::2/128");
        var b = await node.WireAsync("b", "10.65.0.3/32", "fd65::3/128");
        node.Accept(Profile("open", AllowAll));
        foreach (var (name, host) in new[] { ("a", 2), ("b", 3) })
        {
            await node.Loop.PublishAsync(Both(name, host), Deadline());
        }

        return (a, b);
    }

    private static Felix.LocalEndpoint Both(string name, int host) => Endpoint(name, $"10.65.0.{host}/32", "open") with
    {
        Addresses = [IPNetwork.Parse($"10.65.0.{host}/32"), IPNetwork.Parse($"fd65::{host}/128")],
    };

    private static Task NameAsync(PretendNode node, int port) =>
        node.Loop.PublishAsync(Both("b", 3) with { NamedPorts = [new("web", ProtocolType.Tcp, port)] }, Deadline());

    private static async Task ApplyAsync(PretendNode node, long revision, Resource policy)
    {
        node.Loop.Accept(new(SyncStatus.InSync, revision, [new(Kinds.GlobalNetworkPolicy.Key(policy.Metadata.Name), policy)]));
        await EventuallyAsync(() => node.Loop.Status.EnforcedRevision >= revision, "the policy");
    }

    private static Resource<GlobalNetworkPolicySpec> Policy(string name, params Rule[] ingress) => new()
    {
        Kind = "GlobalNetworkPolicy",
        Metadata = new() { Name = name },
        Spec = new() { Selector = "all()", Types = ["Ingress"], Ingress = [.. ingress] },
    };

    private Socket Listen(ScratchNamespace where, int port)
    {
        var socket = Open(where, SocketType.Stream, ProtocolType.Tcp);
        _open.Add(socket);
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        socket.Listen(16);
        return socket;
    }

    private static Socket Connect(ScratchNamespace from, int port)
    {
        var socket = Open(from, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Parse("10.65.0.3"), port);
        return socket;
    }

    private static bool Connects(ScratchNamespace from, int port)
    {
        using var socket = Open(from, SocketType.Stream, ProtocolType.Tcp);
        return socket.ConnectAsync(IPAddress.Parse("10.65.0.3"), port).Wait(TimeSpan.FromMilliseconds(600));
    }

    private static async Task SaysAsync(Socket from, Socket to)
    {
        await from.SendAsync("word"u8.ToArray(), Deadline());
        var heard = new byte[4];
        Assert.That(await to.ReceiveAsync(heard, Deadline()), Is.EqualTo(4));
    }
}
