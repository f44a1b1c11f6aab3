using System.Net;
using System.Net.Sockets;
using Calico.Linux.Conntrack;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

public class ConntrackTests
{
    [TestCase("127.0.0.1", "127.0.0.2", "ip")]
    [TestCase("::1", "fd00::2", "ip6")]
    public void Connections_of_an_address_are_listed_and_deleted(string source, string other, string family)
    {
        using var ns = new ScratchNamespace();
        ns.Inside("ip", "link", "set", "lo", "up");
        if (family == "ip6")
        {
            ns.Inside("ip", "address", "add", "fd00::2/128", "dev", "lo", "nodad");
        }

        ns.Inside("nft", "add", "table", family, "t");
        ns.Inside("nft", "add", "chain", family, "t", "in", "{ type filter hook input priority 0; }");
        ns.Inside("nft", "add", "rule", family, "t", "in", "ct", "state", "new", "accept");
        using var conntrack = ns.Broker.Run(ns.File, () => ConntrackSocket.Open());
        for (var port = 1; port <= 3; port++)
        {
            Send(ns, source, other, port);
        }

        Send(ns, other, source, 4);

        var entries = conntrack.List(ConntrackTuplePart.OriginalSource, IPAddress.Parse(source));
        Assert.That(entries.Select(e => (int)e.DestinationPort), Is.EquivalentTo(new[] { 1, 2, 3 }));
        Assert.That(entries[0] is { Protocol: 17 } && entries[0].OriginalDestination.Equals(IPAddress.Parse(other)), Is.True);
        Assert.That(conntrack.List(ConntrackTuplePart.OriginalDestination, IPAddress.Parse(source)), Has.Length.EqualTo(1));
        Assert.That(conntrack.List(ConntrackTuplePart.ReplySource, IPAddress.Parse(other)), Has.Length.EqualTo(3));

        Assert.That(conntrack.Delete(ConntrackTuplePart.OriginalDestination, IPAddress.Parse(other)), Is.EqualTo(3));
        Assert.That(conntrack.List(ConntrackTuplePart.OriginalSource, IPAddress.Parse(source)), Is.Empty);
        Assert.That(conntrack.DeleteAll(IPAddress.Parse(other)), Is.EqualTo(1));
        Assert.That(conntrack.DeleteAll(IPAddress.Parse(source)), Is.Zero);
    }

    private static void Send(ScratchNamespace ns, string from, string to, int port) => ns.Broker.Run(ns.File, () =>
    {
        var address = IPAddress.Parse(from);
        using var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(address, 0));
        // Received, so it has been tracked: on a busy machine the kernel delivers, even here, after the sender went on.
        using var receiver = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 20_000 };
        receiver.Bind(new IPEndPoint(IPAddress.Parse(to), port));
        socket.SendTo("x"u8, new IPEndPoint(IPAddress.Parse(to), port));
        receiver.Receive(new byte[1]);
    });
}
