using Calico.Datastore.Addresses;

namespace Calico.Felix.Output;

/// <summary>A port of the host, or of what it talks to, that no policy of a host endpoint closes.</summary>
/// <param name="Protocol">IP protocol number: TCP, UDP or SCTP.</param>
/// <param name="Port">Destination port of what begins.</param>
/// <param name="Net">Only with peers of this range; null: with all.</param>
public sealed record FailsafePort(byte Protocol, ushort Port, Cidr? Net = null)
{
    public override string ToString() => $"{Protocol}:{Port}{(Net is { } net ? $" {net.ToShortString()}" : "")}";
}
