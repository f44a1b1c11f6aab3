using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.KernelTests.Linux;
using NUnit.Framework;

namespace Calico.KernelTests.Dataplane.Hosts;

/// <summary>A host with an uplink, eth0 with 192.0.2.1, to somebody outside who is 192.0.2.2; and what passes between them.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    public const string HostAddress = "192.0.2.1";
    public const string OutsideAddress = "192.0.2.2";

    private static readonly TimeSpan TooLong = TimeSpan.FromMilliseconds(400);

    private readonly List<Socket> _listening = [];
    private long _revision;

    public PretendNode Node { get; } = new();

    public ScratchNamespace Host => Node.Host;

    public ScratchNamespace Outside { get; } = new();

    public static async Task<GatewayHost> StartAsync()
    {
        var gateway = new GatewayHost();
        gateway.Link("eth0", HostAddress, OutsideAddress);
        await PretendNode.EventuallyAsync(() => PretendNode.CanPing(gateway.Host, OutsideAddress), "the outside");
        await gateway.Node.StartAsync();
        await gateway.ApplyAsync();
        return gateway;
    }

    /// <summary>One more link to the outside.</summary>
    public void Link(string name, string host, string outside)
    {
        Host.Inside("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", Outside.Name);
        Host.Inside("ip", "address", "add", host + "/24", "dev", name);
        Host.Inside("ip", "link", "set", name, "up");
        Outside.Inside("ip", "address", "add", outside + "/24", "dev", name);
        Outside.Inside("ip", "link", "set", name, "up");
    }

    /// <summary>Hands the store's changes over and waits until the kernel enforces them.</summary>
    public Task ApplyAsync(params Resource[] resources) =>
        ApplyAsync([.. resources.Select(r => new SyncUpdate(ResourceKinds.All.Named(r.Kind).KeyOf(r), r))]);

    public Task RemoveAsync(Resource resource) =>
        ApplyAsync([new SyncUpdate(ResourceKinds.All.Named(resource.Kind).KeyOf(resource), null)]);

    public async Task ApplyAsync(ImmutableArray<SyncUpdate> updates)
    {
        Node.Loop.Accept(new(SyncStatus.InSync, ++_revision, updates));
        await PretendNode.EventuallyAsync(() =>
        {
            Assert.That(Node.Loop.Completion.IsCompleted, Is.False, Node.Loop.LastError);
            return Node.Loop.Status is { InSync: true } status && status.EnforcedRevision >= _revision;
        }, $"revision {_revision}");
    }

    /// <summary>Somebody listens there until the end.</summary>
    public void Listen(ScratchNamespace where, params int[] ports)
    {
        foreach (var port in ports)
        {
            var socket = where.Broker.Run(where.File, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            socket.Listen(64);
            _listening.Add(socket);
        }
    }

    /// <summary>Whether a TCP connection comes about.</summary>
    public static bool Connects(ScratchNamespace from, string address, int port, int sourcePort = 0)
    {
        using var socket = from.Broker.Run(from.File, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        socket.Bind(new IPEndPoint(IPAddress.Any, sourcePort));
        socket.LingerState = new(enable: true, seconds: 0);
        // Asked of the kernel and not of a task: tests beside this one keep the pool's threads, and a late completion would look like a
        // drop.
        socket.Blocking = false;
        try
        {
            socket.Connect(new IPEndPoint(IPAddress.Parse(address), port));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            if (!socket.Poll(TooLong, SelectMode.SelectWrite))
            {
                return false;
            }
        }

        // Refused: it was reached, and nobody listens. A probe of a port that is not listened on would prove nothing.
        Assert.That((SocketError)(int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!,
            Is.EqualTo(SocketError.Success), $"nobody listens on {address}:{port}");
        return true;
    }

    public static Resource HostEndpoint(string name, string? interfaceName, string[]? expected = null, string[]? profiles = null,
        params (string Key, string Value)[] labels) => new Resource<HostEndpointSpec>
        {
            Kind = Kinds.HostEndpoint.Name,
            Metadata = new() { Name = name, Labels = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value) },
            Spec = new()
            {
                Node = "node-a",
                InterfaceName = interfaceName,
                ExpectedIps = expected?.ToImmutableArray(),
                Profiles = profiles?.ToImmutableArray(),
            },
        };

    public static Resource Policy(string name, GlobalNetworkPolicySpec spec) =>
        new Resource<GlobalNetworkPolicySpec> { Kind = Kinds.GlobalNetworkPolicy.Name, Metadata = new() { Name = name }, Spec = spec };

    public static Rule Rule(string action, int? port = null, int? sourcePort = null) => new()
    {
        Action = action,
        Protocol = port is null && sourcePort is null ? null : new("TCP"),
        Source = sourcePort is { } source ? new() { Ports = [new(source)] } : null,
        Destination = port is { } destination ? new() { Ports = [new(destination)] } : null,
    };

    public async ValueTask DisposeAsync()
    {
        foreach (var socket in _listening)
        {
            socket.Dispose();
        }

        await Node.DisposeAsync();
        Outside.Dispose();
    }
}
