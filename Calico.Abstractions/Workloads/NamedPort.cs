using System.Net.Sockets;

namespace Calico;

/// <summary>A port that policy may call by name.</summary>
/// <param name="Name">1–15 characters, <c>[a-z0-9-]</c>, at least one letter.</param>
/// <param name="Protocol">TCP or UDP; SCTP as protocol number 132.</param>
/// <param name="Port">1–65535.</param>
public sealed record NamedPort(string Name, ProtocolType Protocol, int Port);
