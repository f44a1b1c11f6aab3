namespace Calico.Host.Workloads;

/// <summary>What the connect transaction knows of this node.</summary>
/// <param name="NodeName">Name of the Node resource.</param>
/// <param name="BootId">This boot.</param>
/// <param name="InterfacePrefix">At most 4 characters.</param>
/// <param name="Mtu">Bytes, for endpoints that name none.</param>
internal sealed record NodeFacts(string NodeName, string BootId, string InterfacePrefix, int Mtu);
