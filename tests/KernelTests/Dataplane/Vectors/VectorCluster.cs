using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Calico.KernelTests.Linux;
using Calico.Linux.Nflog;
using Calico.VectorTests.Policy;

namespace Calico.KernelTests.Dataplane.Vectors;

/// <summary>The hosts of a vector on one link, with somebody outside, and what becomes of connections between them.</summary>
internal sealed class VectorCluster : IDisposable
{
    private const int HeaderLength6 = 40;

    /// <summary>Of each connection by the client's port, which is no other's.</summary>
    private readonly ConcurrentDictionary<ushort, TaskCompletionSource<string>> _fates = [];
    private readonly Dictionary<string, VectorHost> _hosts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ScratchNamespace Namespace, IPAddress Address)> _ends = new(StringComparer.Ordinal);
    private readonly List<Socket> _listening = [];
    private readonly ScratchNamespace _outside = new();
    private readonly PolicyVector _vector;
    private ushort _port = 41000;

    public VectorCluster(PolicyVector vector, bool isIpv6)
    {
        _vector = vector;
        var length = isIpv6 ? "120 nodad" : "24";
        var outside = Of("192.0.2.200");
        _outside.Inside("sh", "-ec", $"ip link add br0 type bridge; ip link set br0 up; ip address add {outside}/{length} dev br0");
        foreach (var node in vector.HostEndpoints.Select(NodeOf).Concat(vector.Endpoints.Select(e => e.Node)).Distinct())
        {
            var host = new VectorHost(node, Of($"192.0.2.{_hosts.Count + 1}"), [.. vector.Endpoints.Where(e => e.Node == node)], Note);
            _hosts.Add(node, host);
            _ends.Add(node, (host.Namespace, host.Address));
            host.Namespace.Inside("sh", "-ec", $"ip link add eth0 type veth peer name {node} netns {_outside.Name}; ip link set eth0 up; "
                + $"ip address add {host.Address}/{length} dev eth0");
            _outside.Inside("sh", "-ec", $"ip link set {node} master br0 up");
        }

        foreach (var endpoint in vector.Endpoints)
        {
            _ends.Add(endpoint.Name, (_hosts[endpoint.Node].Workloads[endpoint.Name], endpoint.Address));
            foreach (var other in _hosts.Where(h => h.Key != endpoint.Node).Select(h => h.Value.Namespace).Append(_outside))
            {
                other.Inside("ip", "route", "add", $"{endpoint.Address}", "via", $"{_hosts[endpoint.Node].Address}");
            }
        }

        foreach (var flow in vector.Flows.Where(f => f.ViaNodePort is not null).DistinctBy(f => (f.Destination, f.Port)))
        {
            _hosts[flow.Destination].Translate(flow);
        }

        foreach (var (name, port) in vector.Flows.Select(f => f.ViaNodePort is { } target ? (target, PolicyVector.NodePortTarget)
            : (f.Destination, f.Port)).Distinct())
        {
            var socket = Open(End(name).Namespace, End(name).Address.AddressFamily);
            socket.Bind(new IPEndPoint(End(name).Address, port));
            socket.Listen(64);
            _listening.Add(socket);
        }

        IPAddress Of(string address) => isIpv6 ? PolicyVectorFile.InIpv6(IPAddress.Parse(address)) : IPAddress.Parse(address);

        _ends.Add("", (_outside, outside));
    }

    /// <summary>Connects all, at the same time.</summary>
    /// <param name="interfaceName">Of host endpoints whose interface is given two ways.</param>
    /// <returns>Of each flow, in the vector's order: <c>connected</c>, or where and why its packet was dropped.</returns>
    public async Task<IReadOnlyList<string>> ConnectAsync(string interfaceName)
    {
        var policies = _hosts.Values.Select(host => host.Enforce(
        [
            .. _vector.Updates,
            .. _vector.HostEndpoints.Select(h => PolicyVector.ReadHostEndpoint(h, interfaceName, $"{_hosts[NodeOf(h)].Address}")),
        ])).ToList();
        try
        {
            return await Task.WhenAll(_vector.Flows.Select(ConnectAsync));
        }
        finally
        {
            policies.ForEach(p => p.Dispose());
        }
    }

    public void Dispose()
    {
        _listening.ForEach(s => s.Dispose());
        foreach (var host in _hosts.Values)
        {
            host.Dispose();
        }

        _outside.Dispose();
    }

    /// <summary>Until it stands, or the kernel tells that a packet of it, there or back, was dropped.</summary>
    private async Task<string> ConnectAsync(VectorFlow flow)
    {
        var fate = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var port = ++_port;
        _fates[port] = fate;
        var source = End(flow.Source);
        using var socket = Open(source.Namespace, source.Address.AddressFamily);
        socket.LingerState = new(enable: true, seconds: 0);
        socket.Bind(new IPEndPoint(source.Address, port));
        using var patience = new CancellationTokenSource(PretendNode.Patience);
        var connecting = socket.ConnectAsync(new IPEndPoint(End(flow.Destination).Address, flow.Port), patience.Token).AsTask();
        if (await Task.WhenAny(connecting, fate.Task) == fate.Task)
        {
            return await fate.Task;
        }

        // Refused: it was reached, and nobody listens. That is a mistake here, and no verdict.
        await connecting;
        return "connected";
    }

    private void Note(NflogPacket notice)
    {
        var packet = notice.Payload.Span;
        var header = packet[0] >> 4 == 6 ? HeaderLength6 : (packet[0] & 0xf) * 4;
        if (packet.Length >= header + 4)
        {
            var from = BinaryPrimitives.ReadUInt16BigEndian(packet[header..]);
            var to = BinaryPrimitives.ReadUInt16BigEndian(packet[(header + 2)..]);
            var fate = _fates.GetValueOrDefault(from) ?? _fates.GetValueOrDefault(to);
            fate?.TrySetResult($"{notice.Prefix} at {notice.Hook}");
        }
    }

    private static string NodeOf(JsonElement hostEndpoint) => hostEndpoint.GetProperty("node").GetString()!;

    private (ScratchNamespace Namespace, IPAddress Address) End(string name) => _ends.TryGetValue(name, out var end) ? end : _ends[""];

    private static Socket Open(ScratchNamespace where, AddressFamily family) =>
        where.Broker.Run(where.File, () => new Socket(family, SocketType.Stream, ProtocolType.Tcp));
}
