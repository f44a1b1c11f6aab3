namespace Calico.VectorTests.Policy;

/// <summary>A connection that a vector asks about.</summary>
/// <param name="Source">An endpoint, a host, or a name that is neither: somebody outside.</param>
/// <param name="Destination">Likewise.</param>
/// <param name="Protocol">Number.</param>
/// <param name="Port">Of the destination.</param>
/// <param name="ViaNodePort">The destination is a host that translates to this workload; null: it is not.</param>
/// <param name="Allowed">Whether it comes about.</param>
internal sealed record VectorFlow(string Source, string Destination, byte Protocol, ushort Port, string? ViaNodePort, bool Allowed);
