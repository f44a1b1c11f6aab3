using System.Net;
using Calico.Felix;

namespace Calico.VectorTests.Policy;

/// <summary>A workload of a vector.</summary>
/// <param name="Name">As flows name it.</param>
/// <param name="Node">The host that it is on.</param>
/// <param name="Address">Its only one.</param>
/// <param name="Local">As its node knows it.</param>
internal sealed record VectorEndpoint(string Name, string Node, IPAddress Address, LocalEndpoint Local);
