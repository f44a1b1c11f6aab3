using System.Net;
using System.Net.Sockets;

namespace Calico;

/// <summary>A host port that leads to the workload.</summary>
/// <param name="Protocol">TCP or UDP.</param>
/// <param name="HostIp">The host's address, or null for all.</param>
/// <param name="HostPort">First host port; 0: choose one.</param>
/// <param name="HostPortEnd">Last host port to choose from.</param>
/// <param name="ContainerPort">Port of the workload.</param>
public sealed record PublishedPort(ProtocolType Protocol, IPAddress? HostIp, int HostPort, int HostPortEnd, int ContainerPort);
