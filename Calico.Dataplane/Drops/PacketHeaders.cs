using System.Buffers.Binary;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Felix.Rules;

namespace Calico.Dataplane.Drops;

/// <summary>Reads who sends what to whom from the first bytes of a packet.</summary>
internal static class PacketHeaders
{
    private const byte Icmp = 1;
    private const byte IcmpV6 = 58;
    private const int Ipv4Header = 20;
    private const int Ipv6Header = 40;

    /// <returns>Null: it is no IP packet, or is cut off before its addresses end.</returns>
    public static FirstPacket? Read(ReadOnlySpan<byte> packet) => packet.IsEmpty ? null : (packet[0] >> 4) switch
    {
        4 when packet.Length >= Ipv4Header => Read(packet, isIpv6: false, packet[9], (packet[0] & 0xf) * 4,
            // Only the first fragment has a transport header.
            hasTransport: (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1fff) == 0),
        6 when packet.Length >= Ipv6Header => ReadIpv6(packet),
        _ => null,
    };

    /// <summary>Goes past the extension headers: hop-by-hop, routing, destination options.</summary>
    private static FirstPacket ReadIpv6(ReadOnlySpan<byte> packet)
    {
        var (next, offset) = (packet[6], Ipv6Header);
        while (next is 0 or 43 or 60 && packet.Length >= offset + 8)
        {
            (next, offset) = (packet[offset], offset + ((packet[offset + 1] + 1) * 8));
        }

        return Read(packet, isIpv6: true, next, offset, hasTransport: next is not (0 or 43 or 60));
    }

    private static FirstPacket Read(ReadOnlySpan<byte> packet, bool isIpv6, byte protocol, int offset, bool hasTransport)
    {
        var (start, length) = isIpv6 ? (8, 16) : (12, 4);
        var source = Cidr.From(new IPAddress(packet.Slice(start, length)));
        var destination = Cidr.From(new IPAddress(packet.Slice(start + length, length)));
        var transport = hasTransport && packet.Length >= offset + 4 ? packet.Slice(offset, 4) : [];
        var (sourcePort, destinationPort) = protocol is 6 or 17 or 132 or 136 && !transport.IsEmpty
            ? (BinaryPrimitives.ReadUInt16BigEndian(transport), BinaryPrimitives.ReadUInt16BigEndian(transport[2..]))
            : ((ushort)0, (ushort)0);
        return new(source, destination, protocol, sourcePort, destinationPort,
            protocol is Icmp or IcmpV6 && !transport.IsEmpty ? new IcmpTypeCode(transport[0], transport[1]) : null);
    }
}
