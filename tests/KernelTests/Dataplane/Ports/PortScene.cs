using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Calico.Datastore.Resources.V3;
using Calico.Felix;
using Calico.KernelTests.Linux;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane.Ports;

/// <summary>A node with a neighbour on its uplink, and workloads that answer whoever asks with the address that they saw.</summary>
internal sealed class PortScene : IAsyncDisposable
{
    public const string Host4 = "192.0.2.1";
    public const string Host6 = "fd99::1";
    public const string Outside4 = "192.0.2.2";
    public const string Outside6 = "fd99::2";

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _servers = [];

    private PortScene()
    {
        Node = new();
        Node.Host.Inside("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", Outside.Name);
        foreach (var (place, link, addresses) in new[] { (Node.Host, "uplink", (string[])[Host4, Host6]), (Outside, "eth0", [Outside4,
            Outside6]) })
        {
            place.Inside("ip", "address", "add", addresses[0] + "/24", "dev", link);
            place.Inside("ip", "address", "add", addresses[1] + "/64", "dev", link, "nodad");
            place.Inside("ip", "link", "set", link, "up");
            place.Inside("ip", "link", "set", "lo", "up");
        }

        Outside.Inside("ip", "route", "add", "10.65.0.0/16", "via", Host4);
        Node.Host.Inside("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
    }

    public PretendNode Node { get; }

    public ScratchNamespace Outside { get; } = new();

    public ScratchNamespace A { get; private set; } = null!;

    public ScratchNamespace B { get; private set; } = null!;

    /// <summary>Two workloads whose profile lets everybody in to ports 80 and 53; a serves both, and 81, which nobody is let in
    /// to.</summary>
    public static async Task<PortScene> StartAsync()
    {
        var scene = new PortScene();
        await scene.Node.StartAsync();
        scene.Accept();
        scene.A = await scene.Node.WireAsync("a", "10.65.0.2/32", "fd65::2/128");
        scene.B = await scene.Node.WireAsync("b", "10.65.0.3/32", "fd65::3/128");
        await scene.PublishAsync("b");
        foreach (var port in new[] { 80, 81 })
        {
            scene.Serve(scene.A, ProtocolType.Tcp, port);
        }

        scene.Serve(scene.A, ProtocolType.Udp, 53);
        return scene;
    }

    public void Accept() => Node.Accept(Profile("open", new Rule { Action = "Allow", Protocol = new("TCP"),
        Destination = new() { Ports = [new(80)] } },
        new Rule { Action = "Allow", Protocol = new("UDP"), Destination = new() { Ports = [new(53)] } }));

    public static LocalEndpoint Endpoint(string name, params ForwardedPort[] ports)
    {
        var last = name == "a" ? 2 : 3;
        return PretendNode.Endpoint(name, $"10.65.0.{last}/32", "open") with
        {
            Addresses = [IPNetwork.Parse($"10.65.0.{last}/32"), IPNetwork.Parse($"fd65::{last}/128")],
            Ports = [.. ports],
        };
    }

    public Task PublishAsync(string name, params ForwardedPort[] ports) => Node.Loop.PublishAsync(Endpoint(name, ports), Deadline());

    public static ForwardedPort Tcp(int host, int container = 80, string? address = null) =>
        new(ProtocolType.Tcp, address is null ? null : IPAddress.Parse(address), host, container);

    public static ForwardedPort Udp(int host, int container = 53, string? address = null) =>
        new(ProtocolType.Udp, address is null ? null : IPAddress.Parse(address), host, container);

    /// <summary>Answers each who comes with the address that it came from, until the end.</summary>
    public void Serve(ScratchNamespace where, ProtocolType protocol, int port)
    {
        var type = protocol == ProtocolType.Udp ? SocketType.Dgram : SocketType.Stream;
        var socket = where.Broker.Run(where.File, () => new Socket(AddressFamily.InterNetworkV6, type, protocol) { DualMode = true });
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        _servers.Add(socket);
        if (protocol != ProtocolType.Udp)
        {
            socket.Listen();
        }

        _ = Task.Run(() => protocol == ProtocolType.Udp ? AnswerDatagramsAsync(socket) : AnswerStreamsAsync(socket));
    }

    /// <summary>Who the server saw; null: nobody answered.</summary>
    public static string? Ask(ScratchNamespace from, string address, ForwardedPort port) => Ask(from, address, port.Protocol,
        port.HostPort);

    public static string? Ask(ScratchNamespace from, string address, ProtocolType protocol, int port)
    {
        var target = IPAddress.Parse(address);
        using var socket = from.Broker.Run(from.File, () =>
            new Socket(target.AddressFamily, protocol == ProtocolType.Udp ? SocketType.Dgram : SocketType.Stream, protocol));
        return Ask(socket, new(target, port));
    }

    /// <summary>The same from a socket that is bound.</summary>
    public static string? Ask(Socket socket, IPEndPoint target)
    {
        try
        {
            // Longer than TCP waits before it sends again: the first packet over a new pair may be lost (docs/design/dataplane.md).
            using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(1300));
            socket.ConnectAsync(target, limit.Token).AsTask().GetAwaiter().GetResult();
            var isAnswered = socket.SocketType != SocketType.Dgram && socket.Poll(TimeSpan.FromMilliseconds(700), SelectMode.SelectRead);
            for (var attempt = 0; attempt < 2 && socket.SocketType == SocketType.Dgram && !isAnswered; attempt++)
            {
                socket.Send("?"u8);
                isAnswered = socket.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectRead);
            }

            var answer = new byte[64];
            return isAnswered && socket.Receive(answer) is > 0 and var length ? Encoding.ASCII.GetString(answer, 0, length) : null;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _servers.ForEach(s => s.Dispose());
        await Node.DisposeAsync();
        Outside.Dispose();
        _stop.Dispose();
    }

    private async Task AnswerStreamsAsync(Socket listener)
    {
        while (!_stop.IsCancellationRequested)
        {
            using var accepted = await listener.AcceptAsync(_stop.Token);
            await accepted.SendAsync(SeenOf(accepted.RemoteEndPoint!), SocketFlags.None, _stop.Token);
        }
    }

    private async Task AnswerDatagramsAsync(Socket socket)
    {
        var buffer = new byte[64];
        while (!_stop.IsCancellationRequested)
        {
            var got = await socket.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.IPv6Any, 0), _stop.Token);
            await socket.SendToAsync(SeenOf(got.RemoteEndPoint), SocketFlags.None, got.RemoteEndPoint, _stop.Token);
        }
    }

    private static byte[] SeenOf(EndPoint who)
    {
        var address = ((IPEndPoint)who).Address;
        return Encoding.ASCII.GetBytes((address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString());
    }
}
