using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>What answers the first packet of a connection.</summary>
internal static class PacketAnswer
{
    /// <summary>Null: nothing answers such a packet.</summary>
    public static FirstPacket? Of(FirstPacket packet)
    {
        var icmp = packet.Icmp;
        if (icmp is { } type)
        {
            byte? answer = (packet.Protocol, type.Type) switch
            {
                (1, 8) => 0,
                (1, 13) => 14,
                (1, 15) => 16,
                (1, 17) => 18,
                (58, 128) => 129,
                _ => null,
            };
            if (answer is not { } known)
            {
                return null;
            }

            icmp = type with { Type = known };
        }

        return new(packet.Destination, packet.Source, packet.Protocol, packet.DestinationPort, packet.SourcePort, icmp);
    }
}
