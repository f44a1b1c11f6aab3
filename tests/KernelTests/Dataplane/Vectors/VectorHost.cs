using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Sync;
using Calico.KernelTests.Dataplane.Judges;
using Calico.KernelTests.Linux;
using Calico.Linux.Nflog;
using Calico.VectorTests.Policy;

namespace Calico.KernelTests.Dataplane.Vectors;

/// <summary>A host of a vector, with its workloads as namespaces, and the product's table in it.</summary>
internal sealed class VectorHost : IDisposable
{
    private const string Mac = "02:00:00:00:00:01";
    private const string WorkloadMac = "02:00:00:00:00:02";

    private readonly string _node;
    private readonly ImmutableArray<VectorEndpoint> _endpoints;
    private readonly NflogStream _drops;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _reading;

    /// <param name="node">As the vector calls it.</param>
    /// <param name="address">On eth0.</param>
    /// <param name="endpoints">Those on it.</param>
    /// <param name="dropped">Told of every packet that the product drops.</param>
    public VectorHost(string node, IPAddress address, ImmutableArray<VectorEndpoint> endpoints, Action<NflogPacket> dropped)
    {
        (_node, Address, _endpoints) = (node, address, endpoints);
        Namespace.Inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0");
        Namespace.Inside("ip", "link", "set", "lo", "up");
        foreach (var endpoint in endpoints)
        {
            Wire(endpoint);
        }

        _drops = Namespace.Broker.Run(Namespace.File, () => NflogStream.Open(JudgedHost.Group));
        _reading = Task.Run(async () =>
        {
            await foreach (var notice in _drops.ReadAllAsync(_stop.Token))
            {
                dropped(notice);
            }
        });
    }

    public IPAddress Address { get; }

    public ScratchNamespace Namespace { get; } = new();

    public Dictionary<string, ScratchNamespace> Workloads { get; } = new(StringComparer.Ordinal);

    /// <summary>Enforces what the store holds, until it is given back.</summary>
    public JudgedPolicy Enforce(ImmutableArray<SyncUpdate> stored)
    {
        var policy = new JudgedPolicy(Namespace, _node);
        policy.Enforce(stored, _endpoints.Select(e => e.Local), [$"{Address}"]);
        return policy;
    }

    /// <summary>A port of the host that leads to a workload's, as a stranger's rules (kube-proxy's) have it.</summary>
    public void Translate(VectorFlow flow)
    {
        var target = _endpoints.Single(e => e.Name == flow.ViaNodePort).Address;
        var to = target.AddressFamily == AddressFamily.InterNetworkV6 ? $"ip6 to [{target}]" : $"ip to {target}";
        Namespace.Inside("nft", "add table inet ports; add chain inet ports pre { type nat hook prerouting priority -100; }; "
            + $"add rule inet ports pre fib daddr type local tcp dport {flow.Port} dnat {to}:{PolicyVector.NodePortTarget}");
    }

    public void Dispose()
    {
        _stop.Cancel();
        try
        {
            _reading.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // As it should.
        }

        _stop.Dispose();
        _drops.Dispose();
        foreach (var workload in Workloads.Values)
        {
            workload.Dispose();
        }

        Namespace.Dispose();
    }

    /// <summary>Neighbours are written down: nobody has to ask for them.</summary>
    private void Wire(VectorEndpoint endpoint)
    {
        var workload = new ScratchNamespace();
        Workloads.Add(endpoint.Name, workload);
        var link = endpoint.Local.InterfaceName;
        var isIpv6 = endpoint.Address.AddressFamily == AddressFamily.InterNetworkV6;
        var (length, gateway) = isIpv6 ? ("128 nodad", "fe80::1") : ("32", "169.254.1.1");
        Namespace.Inside("sh", "-ec",
            $"ip link add {link} address {Mac} type veth peer name eth0 address {WorkloadMac} netns {workload.Name}; "
            + $"ip link set {link} up; ip route add {endpoint.Address} dev {link}; "
            + $"ip neighbour add {endpoint.Address} lladdr {WorkloadMac} dev {link} nud permanent");
        workload.Inside("sh", "-ec", $"ip link set lo up; ip link set eth0 up; ip address add {endpoint.Address}/{length} dev eth0; "
            + $"ip neighbour add {gateway} lladdr {Mac} dev eth0 nud permanent; ip route add default via {gateway} dev eth0 onlink");
    }
}
