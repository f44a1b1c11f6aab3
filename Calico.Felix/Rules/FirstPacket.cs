using Calico.Datastore.Addresses;

namespace Calico.Felix.Rules;

/// <summary>What a rule sees of the packet that begins a connection.</summary>
/// <param name="Source">Host-length.</param>
/// <param name="Destination">Host-length, after destination NAT.</param>
/// <param name="Protocol">IP protocol number.</param>
/// <param name="SourcePort">0 for protocols without ports.</param>
/// <param name="DestinationPort">After destination NAT.</param>
/// <param name="Icmp">Type and code of ICMP.</param>
public readonly record struct FirstPacket(Cidr Source, Cidr Destination, byte Protocol, ushort SourcePort, ushort DestinationPort,
    IcmpTypeCode? Icmp);
