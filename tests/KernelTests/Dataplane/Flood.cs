using System.Net;
using System.Net.Sockets;
using Calico.KernelTests.Linux;
using Calico.Linux.Nftables;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Two workloads of a host, and datagrams of both families from one to the other, as fast as they can be sent.</summary>
/// <remarks>Nobody answers, so every one of them is "new" and judged. Counted in the host's own stack, before and after all of our chains,
/// where no queue lies between.</remarks>
internal sealed class Flood : IDisposable
{
    public const string SenderName = "calia";
    public const string ReceiverName = "calib";
    public static readonly string[] Sender = ["10.65.0.2", "fd65::2"];
    public static readonly string[] Receiver = ["10.65.0.3", "fd65::3"];

    private static readonly NftTable Probe = new(NftFamily.Inet, "probe");

    private readonly ScratchNamespace _sender = new();
    private readonly ScratchNamespace _receiver = new();
    private readonly NftSocket _probe;
    private readonly ushort[] _ports;
    private readonly CancellationTokenSource _stop = new();
    private List<Thread> _threads = [];

    public Flood(params ushort[] ports)
    {
        _ports = ports;
        Wire(_sender, SenderName, Sender, Receiver, "02:00:00:00:00:0a");
        Wire(_receiver, ReceiverName, Receiver, Sender, "02:00:00:00:00:0b");
        Host.Inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
        _receiver.Inside("nft", "add table inet mute { chain input { type filter hook input priority 0; policy drop; }; }");
        string Counters(string place) => string.Concat(ports.Select(p => $"counter {place}-{p} {{ }}; "));
        string Rules(string place) => string.Concat(ports.Select(p => $"udp dport {p} counter name {place}-{p}; "));
        Host.Inside("nft", $"add table inet probe {{ {Counters("sent")} {Counters("passed")} "
            + $"chain before {{ type filter hook prerouting priority -400; {Rules("sent")} }}; chain after {{ type filter hook postrouting priority 300; {Rules("passed")} }}; }}");
        _probe = Host.OpenNft();
    }

    public ScratchNamespace Host { get; } = new();

    public void Begin()
    {
        _threads = [.. Sender.Zip(Receiver).Select(ends => new Thread(() => Send(ends.First, ends.Second)) { IsBackground = true })];
        _threads.ForEach(t => t.Start());
    }

    public void End()
    {
        _stop.Cancel();
        _threads.ForEach(t => t.Join(Patience));
    }

    /// <summary>How many datagrams to a port came to the host, and how many left it.</summary>
    public (ulong Sent, ulong Passed) Count(ushort port)
    {
        var counters = _probe.ListCounters(Probe).ToDictionary(c => c.Name, c => c.Packets);
        return (counters[$"sent-{port}"], counters[$"passed-{port}"]);
    }

    public void Dispose()
    {
        End();
        _stop.Dispose();
        _probe.Dispose();
        foreach (var scratch in new[] { _sender, _receiver, Host })
        {
            scratch.Dispose();
        }
    }

    private void Send(string from, string to)
    {
        var family = IPAddress.Parse(to).AddressFamily;
        using var socket = _sender.Broker.Run(_sender.File, () => new Socket(family, SocketType.Dgram, ProtocolType.Udp));
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        var targets = _ports.Select(p => new IPEndPoint(IPAddress.Parse(to), p).Serialize()).ToList();
        while (!_stop.IsCancellationRequested)
        {
            foreach (var target in targets)
            {
                socket.SendTo("x"u8, SocketFlags.None, target);
            }
        }
    }

    /// <summary>Neighbours are written down: a question about them could be lost.</summary>
    private void Wire(ScratchNamespace workload, string name, string[] own, string[] others, string mac)
    {
        const string HostMac = "02:00:00:00:00:01";
        Host.Inside("ip", "link", "add", name, "address", HostMac, "type", "veth", "peer", "name", "eth0", "address", mac, "netns",
            workload.Name);
        Host.Inside("ip", "link", "set", name, "up");
        workload.Inside("ip", "link", "set", "eth0", "up");
        foreach (var (address, other) in own.Zip(others))
        {
            var length = address.Contains(':') ? "128" : "32";
            workload.Inside("ip",
                [.. "address add".Split(' '), $"{address}/{length}", "dev", "eth0", .. address.Contains(':') ? new[] { "nodad" } : []]);
            workload.Inside("ip", "route", "add", $"{other}/{length}", "dev", "eth0");
            workload.Inside("ip", "neighbour", "add", other, "lladdr", HostMac, "dev", "eth0", "nud", "permanent");
            Host.Inside("ip", "route", "add", $"{address}/{length}", "dev", name);
            Host.Inside("ip", "neighbour", "add", address, "lladdr", mac, "dev", name, "nud", "permanent");
        }
    }
}
