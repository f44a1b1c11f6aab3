using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Calico.Dataplane;
using Calico.Dataplane.Workloads;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.KernelTests.Linux;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.KernelTests.Dataplane;

/// <summary>A namespace that plays the host, and the product running in it.</summary>
internal sealed class PretendNode : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, ScratchNamespace> _workloads = [];

    public PretendNode(TimeSpan? auditInterval = null)
    {
        Options = Options with { AuditInterval = auditInterval ?? Options.AuditInterval };
        Host = new();
        Host.Inside("ip", "link", "set", "lo", "up");
        Network = new(Host.Broker, Host.File);
        (Loop, Wiring) = Make();
    }

    public ScratchNamespace Host { get; }

    public HostNetwork Network { get; }

    public DataplaneOptions Options { get; } = new() { NodeName = "node-a", SettingsInterval = TimeSpan.FromMilliseconds(300) };

    public DataplaneLoop Loop { get; private set; }

    public WorkloadWiring Wiring { get; private set; }

    public Task StartAsync() => Loop.StartAsync(Deadline());

    /// <summary>The process dies and another starts.</summary>
    /// <param name="meanwhile">What happens to the kernel in between; null: nothing.</param>
    public async Task RestartAsync(Func<Task>? meanwhile = null)
    {
        await Loop.DisposeAsync();
        await Wiring.DisposeAsync();
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        (Loop, Wiring) = Make();
        await StartAsync();
    }

    public void Accept(params Resource[] resources) => Loop.Accept(new(SyncStatus.InSync, 1,
        [.. resources.Select(r => new SyncUpdate(Kinds.IpamBlock.TryRead(r, out var block) ? Kinds.IpamBlock.Key(block.Metadata.Name)
            : ResourceKinds.All.Named(r.Kind).KeyOf(r), r))]));

    /// <summary>The same with another MTU.</summary>
    public async Task<ScratchNamespace> WireAsync(int mtu, string name, params string[] addresses)
    {
        var workload = new ScratchNamespace();
        _workloads.Add(name, workload);
        await Wiring.WireAsync(Request(name, addresses) with { Mtu = mtu }, Deadline());
        return workload;
    }

    /// <summary>A workload with a pair, not published.</summary>
    public async Task<ScratchNamespace> WireAsync(string name, params string[] addresses)
    {
        var workload = new ScratchNamespace();
        _workloads.Add(name, workload);
        await Wiring.WireAsync(Request(name, addresses), Deadline());
        return workload;
    }

    public WiringRequest Request(string name, params string[] addresses) => new()
    {
        Id = Id(name),
        HostInterface = "cali" + name,
        PeerInterface = "eth0",
        Namespace = _workloads[name].File.Descriptor,
        Mac = new([0x02, 0, 0, 0, 0, (byte)_workloads.Count]),
        Mtu = 1450,
        Addresses = [.. addresses.Select(IPNetwork.Parse)],
        Gateway4 = IPAddress.Parse("169.254.1.1"),
    };

    public Task<EndpointState> PublishAsync(string name, string address, params string[] profiles) =>
        Loop.PublishAsync(Endpoint(name, address, profiles), Deadline());

    public static LocalEndpoint Endpoint(string name, string address, params string[] profiles) => new()
    {
        Id = Id(name),
        InterfaceName = "cali" + name,
        Addresses = [IPNetwork.Parse(address)],
        Profiles = [.. profiles],
    };

    public static WorkloadEndpointId Id(string name) => new("cni", name, "eth0");

    public static Resource Profile(string name, params Rule[] ingress) => Profile(name, [], ingress);

    public static Resource Profile(string name, (string Key, string Value)[] labels, params Rule[] ingress) => new Resource<ProfileSpec>
    {
        Kind = "Profile",
        Metadata = new() { Name = name, ResourceVersion = "1" },
        Spec = new()
        {
            Ingress = [.. ingress],
            Egress = [new() { Action = "Allow" }],
            LabelsToApply = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value),
        },
    };

    public static Resource Pool(string cidr, bool natOutgoing, string name = "pool") => new Resource<IpPoolSpec>
    {
        Kind = "IPPool",
        Metadata = new() { Name = name },
        Spec = new() { Cidr = cidr, NatOutgoing = natOutgoing },
    };

    /// <summary>One echo request, sent by ourselves: a missing program would look like a closed door.</summary>
    public static bool CanPing(ScratchNamespace from, string address)
    {
        var (plain, link) = address.Split('%') is [var part, var name]
            ? (part, from.Inside("cat", $"/sys/class/net/{name}/ifindex").Trim()) : (address, "0");
        var target = IPAddress.Parse(plain);
        var isIpv6 = target.AddressFamily == AddressFamily.InterNetworkV6;
        if (isIpv6)
        {
            target.ScopeId = long.Parse(link, System.Globalization.CultureInfo.InvariantCulture);
        }

        using var socket = from.Broker.Run(from.File, () =>
            new Socket(target.AddressFamily, SocketType.Raw, isIpv6 ? ProtocolType.IcmpV6 : ProtocolType.Icmp));
        var id = (ushort)Random.Shared.Next(1, ushort.MaxValue);
        byte[] request = [(byte)(isIpv6 ? 128 : 8), 0, 0, 0, (byte)(id >> 8), (byte)id, 0, 1];
        if (!isIpv6)
        {
            // RFC 1071; over IPv6 the kernel makes it.
            var sum = 0x0800 + id + 1;
            var checksum = (ushort)~((sum & 0xffff) + (sum >> 16));
            (request[2], request[3]) = ((byte)(checksum >> 8), (byte)checksum);
        }

        try
        {
            socket.SendTo(request, new IPEndPoint(target, 0));
        }
        catch (SocketException e)
            when (e.SocketErrorCode is SocketError.NetworkUnreachable or SocketError.HostUnreachable or SocketError.AccessDenied)
        {
            return false;
        }

        var buffer = new byte[1500];
        for (var until = Environment.TickCount64 + 700; Environment.TickCount64 < until;)
        {
            if (!socket.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead))
            {
                continue;
            }
            // A raw IPv4 socket hands over the IP header too.
            var reply = buffer.AsSpan(0, socket.Receive(buffer))[(isIpv6 ? 0 : 20)..];
            if (reply[0] == (isIpv6 ? 129 : 0) && reply[4] == request[4] && reply[5] == request[5])
            {
                return true;
            }
        }

        return false;
    }

    public static Socket Open(ScratchNamespace where, SocketType type, ProtocolType protocol) =>
        where.Broker.Run(where.File, () => new Socket(AddressFamily.InterNetwork, type, protocol));

    public async Task<long> DropsAsync(string reason) => (await Loop.ReadDropsAsync(Deadline())).GetValueOrDefault(reason);

    public static async Task EventuallyAsync(Func<bool> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (!condition())
        {
            Assert.That(deadline.IsCancellationRequested, Is.False, $"waited in vain for {what}");
            await Task.Delay(10);
        }
    }

    public static CancellationToken Deadline() => new CancellationTokenSource(Patience).Token;

    public async ValueTask DisposeAsync()
    {
        await Loop.DisposeAsync();
        await Wiring.DisposeAsync();
        foreach (var workload in _workloads.Values)
        {
            workload.Dispose();
        }

        Host.Dispose();
    }

    private (DataplaneLoop, WorkloadWiring) Make()
    {
        ILoggerFactory loggers = NullLoggerFactory.Instance;
        var loop = new DataplaneLoop(Options, Network, TimeProvider.System, loggers);
        return (loop, new(loop, Network, Options, TimeProvider.System, loggers));
    }
}
