using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Calico.Dataplane.Translation;
using Calico.KernelTests.Linux;
using Calico.Linux.Nflog;
using Calico.UnitTests.Felix;
using NUnit.Framework;

namespace Calico.KernelTests.Dataplane.Judges;

/// <summary>A host with workloads and a link to the outside, whose packets are sent by hand.</summary>
/// <remarks>The other ends have no addresses, so nobody answers; what the host itself would say unasked is dropped before anybody judges
/// it. Of each packet comes one notice: of its drop, or that it has passed everything of ours.</remarks>
internal sealed class JudgedHost : IDisposable
{
    public const string Passed = PlainHost.Passed;
    public const ushort Group = 6;

    /// <summary>SOL_SOCKET, SO_MARK: tells our own packets from what the host says unasked.</summary>
    private static readonly (int Level, int Name, int Value) OwnMark = (1, 36, 5);

    private static readonly byte[] HostMac = [2, 0, 0, 0, 0, 1];

    /// <summary>From the host to a workload: it passes whatever policy says, and makes the kernel tell of all that it has
    /// collected.</summary>
    private readonly PlainPacket _last;
    private readonly ScratchNamespace _others = new();
    private readonly Dictionary<string, Socket> _senders = new(StringComparer.Ordinal);
    private readonly Dictionary<AddressFamily, Socket> _own = [];
    private readonly Channel<NflogPacket> _notices = Channel.CreateUnbounded<NflogPacket>();
    private readonly CancellationTokenSource _stop = new();
    private readonly NflogStream _stream;
    private readonly Task _reading;
    private ushort _number;

    /// <param name="links">Of the host, a workload's first, each with the addresses that are behind it.</param>
    /// <param name="hostLink">Which of them has the host's addresses.</param>
    /// <param name="hostAddresses">The first of the family of the first link's.</param>
    public JudgedHost(IReadOnlyList<(string Name, string[] Addresses)> links, string hostLink, string[] hostAddresses)
    {
        _last = new(IPAddress.Parse(hostAddresses[0]), IPAddress.Parse(links[0].Addresses[0]), "UDP", 9, 9);
        _others.Inside("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
            "net.ipv4.ip_forward=0");
        Host.Inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0");
        foreach (var (name, addresses) in links)
        {
            Link(name, addresses);
        }

        foreach (var address in hostAddresses)
        {
            string[] own = address.Contains(':') ? [address + "/128", "nodad"] : [address + "/32"];
            Host.Inside("ip", ["address", "add", own[0], "dev", hostLink, .. own[1..]]);
        }

        Host.Inside("nft", "add table inet probe { "
            + $"chain out {{ type filter hook output priority -500; meta mark != {OwnMark.Value} drop; }}; "
            + $"chain forwarded {{ type filter hook postrouting priority 300; log prefix \"{Passed}\" group {Group} queue-threshold 1; }}; "
            + $"chain local {{ type filter hook input priority 300; log prefix \"{Passed}\" group {Group} queue-threshold 1; }}; }}");
        foreach (var family in new[] { AddressFamily.InterNetwork, AddressFamily.InterNetworkV6 })
        {
            var socket = Host.Broker.Run(Host.File, () => new Socket(family, SocketType.Raw, ProtocolType.Raw));
            socket.SetRawSocketOption(OwnMark.Level, OwnMark.Name, BitConverter.GetBytes(OwnMark.Value));
            if (family == AddressFamily.InterNetwork)
            {
                socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.HeaderIncluded, true);
            }

            _own.Add(family, socket);
        }

        _stream = Host.Broker.Run(Host.File, () => NflogStream.Open(Group));
        _reading = Task.Run(async () =>
        {
            await foreach (var notice in _stream.ReadAllAsync(_stop.Token))
            {
                _notices.Writer.TryWrite(notice);
            }
        });
    }

    public ScratchNamespace Host { get; } = new();

    /// <summary>What was told of the latest packets although it ended none, in order, with each packet's place.</summary>
    public List<(int At, NflogPacket Notice)> Staged { get; } = [];

    /// <summary>The one of the random policies: four workloads, and others behind an uplink.</summary>
    public static JudgedHost OfRandomPolicies() => new(
        [
            ("calie0", [RandomPolicies.Hosts4[0]]), ("calie1", [RandomPolicies.Hosts4[1]]),
            ("calie2", [RandomPolicies.Hosts6[0]]), ("calie3", [RandomPolicies.Hosts6[1]]),
            (RandomPolicies.HostLink, [.. RandomPolicies.Hosts4[2..], .. RandomPolicies.Hosts6[2..]]),
        ], RandomPolicies.HostLink, RandomPolicies.HostAddresses);

    /// <summary>Sends them, and hands over what the kernel says of each.</summary>
    public async Task<IReadOnlyList<NflogPacket>> JudgeAsync(IReadOnlyList<PlainPacket> packets)
    {
        var first = _number == 0 || _number + packets.Count >= ushort.MaxValue ? (ushort)1 : _number;
        _number = (ushort)(first + packets.Count + 1);
        Staged.Clear();
        for (var i = 0; i < packets.Count; i++)
        {
            Send(packets[i], RawPacket.Of(packets[i], (ushort)(first + i)));
        }

        Send(_last, RawPacket.Of(_last, (ushort)(first + packets.Count)));
        var said = new NflogPacket?[packets.Count + 1];
        using var patience = new CancellationTokenSource(PretendNode.Patience);
        for (var missing = packets.Count + 1; missing > 0; missing--)
        {
            NflogPacket notice;
            try
            {
                notice = await _notices.Reader.ReadAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                var silent = packets.Where((_, i) => said[i] is null).Take(5);
                throw new AssertionException($"neither dropped nor passed: {string.Join("; ", silent)}");
            }

            var at = RawPacket.NumberOf(notice.Payload.Span) - first;
            Assert.That(at, Is.InRange(0, packets.Count),
                $"a packet that nobody sent: {notice.Prefix} {Convert.ToHexString(notice.Payload.Span)}");
            if (notice.Prefix == DropReason.Staged)
            {
                Staged.Add((at, notice));
                missing++;
                continue;
            }

            Assert.That(said[at], Is.Null, () => $"told of twice: number {at}: {said[at]!.Prefix}, {notice.Prefix}");
            said[at] = notice;
        }

        return said[..^1]!;
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
        _stream.Dispose();
        foreach (var socket in _senders.Values.Distinct().Concat(_own.Values))
        {
            socket.Dispose();
        }

        _others.Dispose();
        Host.Dispose();
    }

    private void Send(PlainPacket packet, byte[] content)
    {
        if (_senders.TryGetValue($"{packet.Source}", out var link))
        {
            byte[] type = packet.IsIpv6 ? [0x86, 0xdd] : [8, 0];
            link.Send([.. HostMac, 2, 0, 0, 0, 0, 2, .. type, .. content]);
            return;
        }

        try
        {
            _own[packet.Source.AddressFamily].SendTo(content, new IPEndPoint(packet.Destination, 0));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            // Dropped on the host's own way out; the notice says by whom.
        }
    }

    /// <summary>Neighbours are written down, with an address that no link has: what comes there is nobody's.</summary>
    private void Link(string name, string[] addresses)
    {
        Host.Inside("sh", "-c", $"ip link add {name} address 02:00:00:00:00:01 type veth peer name {name} netns {_others.Name}"
            + $" && ip link set {name} up" + string.Concat(addresses.Select(a =>
                $" && ip route add {a} dev {name} && ip neighbour add {a} lladdr 02:00:00:00:00:ff dev {name} nud permanent")));
        _others.Inside("ip", "link", "set", name, "up");
        var index = int.Parse(_others.Inside("cat", $"/sys/class/net/{name}/ifindex"), System.Globalization.CultureInfo.InvariantCulture);
        var socket = _others.Broker.Run(_others.File, () => new PacketLink(index).Open());
        foreach (var address in addresses)
        {
            _senders.Add($"{IPAddress.Parse(address)}", socket);
        }
    }
}
