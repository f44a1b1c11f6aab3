using System.Net;
using System.Net.Sockets;

namespace Calico.Felix;

/// <summary>A port of this host that leads to a local endpoint, reserved for it.</summary>
/// <param name="Protocol">TCP, UDP or SCTP.</param>
/// <param name="HostIp">One address of the host; 0.0.0.0 or ::, all of that family; null: all.</param>
/// <param name="HostPort">1 to 65535.</param>
/// <param name="ContainerPort">1 to 65535.</param>
public sealed record ForwardedPort(ProtocolType Protocol, IPAddress? HostIp, int HostPort, int ContainerPort);
