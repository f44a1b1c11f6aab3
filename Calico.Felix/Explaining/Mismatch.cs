using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>Says why a packet does not meet a rule.</summary>
internal static class Mismatch
{
    public static string Describe(MatchField field, bool isSource, RuleMatch match, in FirstPacket packet)
    {
        var (name, side) = isSource ? ("source", match.Source) : ("destination", match.Destination);
        var address = (isSource ? packet.Source : packet.Destination).ToShortString();
        var port = isSource ? packet.SourcePort : packet.DestinationPort;
        return field switch
        {
            MatchField.IpVersion => $"it is for IPv{match.IpVersion}",
            MatchField.Protocol or MatchField.NotProtocol => $"the protocol is {Protocol(packet.Protocol)}",
            MatchField.Icmp or MatchField.NotIcmp => packet.Icmp is { } icmp ? $"the ICMP type is {icmp.Type}" : "no ICMP type is given",
            MatchField.Nets => $"{name} {address} is in none of its nets",
            MatchField.NotNets => $"{name} {address} is in its notNets",
            MatchField.Selector => $"{name} {address} is not in set {side.Set}",
            MatchField.NotSelector => $"{name} {address} is in set {side.NotSet}",
            MatchField.Ports => $"{name} port {port} is none of its ports",
            MatchField.NotPorts => $"{name} port {port} is one of its notPorts",
            MatchField.NamedPort => $"{name} {address} port {port} is not in set {side.PortSet}",
            MatchField.NotNamedPort => $"{name} {address} port {port} is one of its named notPorts",
            _ => "",
        };
    }

    private static string Protocol(byte protocol) => protocol switch
    {
        1 => "ICMP",
        6 => "TCP",
        17 => "UDP",
        58 => "ICMPv6",
        132 => "SCTP",
        var other => $"{other}",
    };
}
