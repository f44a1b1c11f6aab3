using System.Net.Sockets;

namespace Calico.Linux.Route;

/// <summary>Which routes to list; what is at its default matches all. The kernel does the filtering.</summary>
public sealed record RouteFilter
{
    public AddressFamily Family { get; init; } = AddressFamily.Unspecified;

    /// <summary>0: all tables.</summary>
    public uint Table { get; init; }

    public RouteProtocol Protocol { get; init; }

    public RouteKind Kind { get; init; }

    public int LinkIndex { get; init; }
}
