using System.Net;
using System.Net.Sockets;

namespace Calico;

/// <summary>A host port that leads to the workload.</summary>
/// <param name="Protocol">TCP, UDP or SCTP (132).</param>
/// <param name="HostIp">One address of the host; 0.0.0.0 or ::, all of that family; null: all.</param>
/// <param name="HostPort">First host port; 0: choose one.</param>
/// <param name="HostPortEnd">Last host port to choose from, the first free one; 0: there is no choice.</param>
/// <param name="ContainerPort">Port of the workload.</param>
public sealed record PublishedPort(ProtocolType Protocol, IPAddress? HostIp, int HostPort, int HostPortEnd, int ContainerPort);
