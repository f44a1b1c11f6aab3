using System.Net;
using System.Net.Sockets;
using Calico.Linux;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

/// <summary>What a held port keeps away, and what it does not.</summary>
public sealed class HeldPortTests
{
    [TestCase(ProtocolType.Tcp, "0.0.0.0", "127.0.0.1", true)]
    [TestCase(ProtocolType.Udp, "127.0.0.1", "0.0.0.0", true)]
    [TestCase(ProtocolType.Tcp, "127.0.0.1", "127.0.0.1", true)]
    [TestCase(ProtocolType.Tcp, "127.0.0.1", "127.0.0.2", false)]
    [TestCase(ProtocolType.Tcp, "::", "0.0.0.0", false)]
    [TestCase(ProtocolType.Udp, "::", "::1", true)]
    public void Another_process_cannot_bind_what_overlaps(ProtocolType protocol, string held, string asked, bool isRefused)
    {
        using var host = new ScratchNamespace();
        host.Inside("ip", "link", "set", "lo", "up");
        host.Broker.Run(host.File, () =>
        {
            using var holds = HeldPort.TryHold(protocol, IPAddress.Parse(held), 8080).Held;
            Assert.That(holds?.Port, Is.EqualTo(8080));
            // As nearly every server does.
            var type = protocol == ProtocolType.Udp ? SocketType.Dgram : SocketType.Stream;
            using var other = new Socket(IPAddress.Parse(asked).AddressFamily, type, protocol);
            other.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            SocketException? error = null;
            try
            {
                other.Bind(new IPEndPoint(IPAddress.Parse(asked), 8080));
            }
            catch (SocketException e)
            {
                error = e;
            }

            Assert.That(error?.SocketErrorCode, Is.EqualTo(isRefused ? SocketError.AddressAlreadyInUse : (SocketError?)null));
            return true;
        });
    }

    [Test]
    public void What_cannot_be_held_says_why_and_a_port_that_the_kernel_chooses_is_told()
    {
        using var host = new ScratchNamespace();
        host.Inside("ip", "link", "set", "lo", "up");
        host.Inside("sysctl", "-qw", "net.ipv4.ip_local_port_range=45000 45999");
        host.Broker.Run(host.File, () =>
        {
            using var first = HeldPort.TryHold(ProtocolType.Tcp, IPAddress.Any, 8080).Held;
            Assert.That(HeldPort.TryHold(ProtocolType.Tcp, IPAddress.Loopback, 8080).Why, Is.EqualTo(Errno.AddressInUse));
            Assert.That(HeldPort.TryHold(ProtocolType.Tcp, IPAddress.Parse("192.0.2.1"), 80).Why, Is.EqualTo(Errno.AddressNotAvailable));
            Assert.That(HeldPort.TryHold((ProtocolType)200, IPAddress.Any, 80).Held, Is.Null);
            using var chosen = HeldPort.TryHold(ProtocolType.Udp, IPAddress.IPv6Any, 0).Held;
            Assert.That(chosen!.Port, Is.InRange(45000, 45999));
            first!.Dispose();
            using var again = HeldPort.TryHold(ProtocolType.Tcp, IPAddress.Loopback, 8080).Held;
            Assert.That(again, Is.Not.Null);
            return true;
        });
    }
}
