using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>Packets that no rule tells apart.</summary>
/// <param name="Protocol">IP protocol number; 0: every one that no rule names.</param>
/// <param name="Ports">Destination ports; of a protocol without ports 0 to 0.</param>
/// <param name="Icmp">ICMP type, and code where a rule asks it; null with an ICMP protocol: every type that no rule names.</param>
public readonly record struct PacketKind(byte Protocol, PortRange Ports, IcmpTypeCode? Icmp);
