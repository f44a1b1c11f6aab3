using Calico.Dataplane.Drops;
using Calico.Felix.Rules;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>What the first bytes of a dropped packet say.</summary>
public sealed class PacketHeadersTests
{
    private static readonly byte[] Ports = [0x12, 0x34, 0x00, 0x50];

    private static byte[] Ipv4(byte protocol, int options = 0, ushort fragment = 0, params byte[] transport) =>
    [
        (byte)(0x45 + options), 0, 0, 0, 0, 0, (byte)(fragment >> 8), (byte)fragment, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        .. new byte[options * 4], .. transport,
    ];

    private static byte[] Ipv6(byte next, params byte[] rest) =>
        [0x60, 0, 0, 0, 0, 0, next, 64, 0xfd, .. new byte[14], 1, 0xfd, .. new byte[14], 2, .. rest];

    [Test]
    public void Ports_stand_behind_the_options()
    {
        Assert.That(Text(PacketHeaders.Read(Ipv4(6, transport: Ports))), Is.EqualTo("10.0.0.1 10.0.0.2 6 4660 80 "));
        Assert.That(Text(PacketHeaders.Read(Ipv4(17, options: 2, transport: Ports))), Is.EqualTo("10.0.0.1 10.0.0.2 17 4660 80 "));
        Assert.That(Text(PacketHeaders.Read(Ipv6(17, Ports))), Is.EqualTo("fd00::1 fd00::2 17 4660 80 "));
        Assert.That(Text(PacketHeaders.Read(Ipv6(0, [60, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, .. Ports]))),
            Is.EqualTo("fd00::1 fd00::2 6 4660 80 "));
        Assert.That(Text(PacketHeaders.Read(Ipv4(1, transport: [8, 1, 0, 0]))), Is.EqualTo("10.0.0.1 10.0.0.2 1 0 0 8/1"));
        Assert.That(Text(PacketHeaders.Read(Ipv4(47, transport: Ports))), Is.EqualTo("10.0.0.1 10.0.0.2 47 0 0 "), "no ports there");
    }

    [Test]
    public void What_is_cut_off_or_a_later_fragment_has_no_ports()
    {
        Assert.That(Text(PacketHeaders.Read(Ipv4(6, transport: [0x12]))), Is.EqualTo("10.0.0.1 10.0.0.2 6 0 0 "));
        Assert.That(Text(PacketHeaders.Read(Ipv4(6, fragment: 7, transport: Ports))), Is.EqualTo("10.0.0.1 10.0.0.2 6 0 0 "));
        Assert.That(Text(PacketHeaders.Read(Ipv6(0, 60))), Is.EqualTo("fd00::1 fd00::2 0 0 0 "));
        Assert.That(PacketHeaders.Read(Ipv4(6).AsSpan(0, 19)), Is.Null);
        Assert.That(PacketHeaders.Read(Ipv6(6).AsSpan(0, 39)), Is.Null);
        Assert.That(PacketHeaders.Read([]), Is.Null);
        Assert.That(PacketHeaders.Read(new byte[64]), Is.Null);
    }

    private static string Text(FirstPacket? packet) => packet is { } p
        ? $"{p.Source.ToShortString()} {p.Destination.ToShortString()} {p.Protocol} {p.SourcePort} {p.DestinationPort} "
            + (p.Icmp is { } icmp ? $"{icmp.Type}/{icmp.Code}" : "")
        : "null";
}
