using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Calico.UnitTests.Felix;

namespace Calico.KernelTests.Dataplane.Judges;

/// <summary>The first packet of a connection, byte by byte and with right checksums: what a machine has no sockets for (SCTP) is sent
/// too.</summary>
internal static class RawPacket
{
    private const byte Ttl = 64;
    private const int Header4 = 20;
    private const int Header6 = 40;

    /// <summary>From the IP header on.</summary>
    /// <param name="packet">What it says.</param>
    /// <param name="number">1 to 65535: stands where a host forwards it untouched (IPv4's identification, IPv6's flow label).</param>
    public static byte[] Of(PlainPacket packet, ushort number)
    {
        var protocol = ProtocolOf(packet.Protocol);
        var (source, destination) = (packet.Source.GetAddressBytes(), packet.Destination.GetAddressBytes());
        var body = Body(packet, protocol);
        Sum(body, protocol, [.. source, .. destination]);
        var header = new byte[packet.IsIpv6 ? Header6 : Header4];
        if (packet.IsIpv6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(header, 0x60000000u | number);
            BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(4), (ushort)body.Length);
            (header[6], header[7]) = (protocol, Ttl);
            source.CopyTo(header, 8);
            destination.CopyTo(header, 24);
            return [.. header, .. body];
        }

        header[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(Header4 + body.Length));
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(4), number);
        (header[8], header[9]) = (Ttl, protocol);
        source.CopyTo(header, 12);
        destination.CopyTo(header, 16);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Checksum(header));
        return [.. header, .. body];
    }

    /// <summary>The number of a packet, from its IP header on.</summary>
    public static ushort NumberOf(ReadOnlySpan<byte> packet) => packet[0] >> 4 == 6
        ? BinaryPrimitives.ReadUInt16BigEndian(packet[2..])
        : BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);

    private static byte ProtocolOf(string name) => name switch
    {
        "TCP" => 6,
        "UDP" => 17,
        "SCTP" => 132,
        "ICMP" => 1,
        "ICMPv6" => 58,
        _ => byte.Parse(name, CultureInfo.InvariantCulture),
    };

    private static byte[] Body(PlainPacket packet, byte protocol)
    {
        var (from, to) = (packet.SourcePort, packet.DestinationPort);
        byte[] ports = [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to];
        return protocol switch
        {
            // SYN, the header's length, a window.
            6 => [.. ports, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0],
            17 => [.. ports, 0, 8, 0, 0],
            // INIT: tag, window, a stream each way, first number.
            132 => [.. ports, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1],
            1 or 58 => [(byte)packet.Icmp!.Value.Type, (byte)packet.Icmp.Value.Code, 0, 0, 0, 1, 0, 1, .. new byte[12]],
            _ => new byte[24],
        };
    }

    private static void Sum(byte[] body, byte protocol, byte[] addresses)
    {
        if (protocol == 132)
        {
            var crc = body.Aggregate(uint.MaxValue, BitOperations.Crc32C);
            BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(8), ~crc);
            return;
        }

        var place = protocol switch { 6 => 16, 17 => 6, 1 or 58 => 2, _ => -1 };
        if (place >= 0)
        {
            // IPv4's ICMP alone does not sum the addresses.
            byte[] before = protocol == 1 ? [] : [.. addresses, 0, 0, (byte)(body.Length >> 8), (byte)body.Length, 0, 0, 0, protocol];
            BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(place), Checksum([.. before, .. body]));
        }
    }

    /// <summary>RFC 1071.</summary>
    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        var sum = 0u;
        for (var i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)~sum;
    }
}
