namespace Calico.Plugins.Mesos.Containers;

/// <summary>Mesos' PortMapping.</summary>
/// <param name="HostPort">0: one is chosen.</param>
/// <param name="ContainerPort">1 to 65535.</param>
/// <param name="Protocol"><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</param>
internal sealed record PortRequest(int HostPort, int ContainerPort, string Protocol);
