namespace Calico.Felix.Rules;

/// <summary>A field of a rule that a packet does not meet.</summary>
public enum MatchField
{
    /// <summary>It meets everything.</summary>
    None,
    IpVersion,
    Protocol,
    NotProtocol,
    Icmp,
    NotIcmp,
    Nets,
    NotNets,
    Selector,
    NotSelector,
    Ports,
    NotPorts,
    NamedPort,
    NotNamedPort,
}
