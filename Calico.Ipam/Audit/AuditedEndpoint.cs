using System.Collections.Immutable;
using System.Net;

namespace Calico.Ipam;

/// <summary>Somebody who uses addresses: a workload endpoint, a node's tunnel.</summary>
/// <param name="Name">For a person: <c>cni/w1/eth0</c>, <c>node n1 (vxlan)</c>.</param>
/// <param name="Node">Where.</param>
/// <param name="Addresses">Its addresses.</param>
/// <param name="Id">The endpoint's identity, or null for what is none.</param>
public sealed record AuditedEndpoint(string Name, string Node, ImmutableArray<IPAddress> Addresses, WorkloadEndpointId? Id = null);
