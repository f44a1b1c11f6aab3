using System.Net.Sockets;

namespace Calico.Linux.Route;

/// <summary>What whoever keeps links, addresses and routes asks of the kernel; the kernel's own is <see cref="RouteSocket"/>.</summary>
public interface IRoutes : IDisposable
{
    /// <inheritdoc cref="RouteSocket.PortId"/>
    uint PortId { get; }

    /// <inheritdoc cref="RouteSocket.Send"/>
    RouteOutcome Send(RouteBatch batch);

    /// <inheritdoc cref="RouteSocket.FindLink(string)"/>
    LinkState? FindLink(string name);

    /// <inheritdoc cref="RouteSocket.FindLink(int)"/>
    LinkState? FindLink(int index);

    /// <inheritdoc cref="RouteSocket.ListLinks"/>
    IReadOnlyList<LinkState> ListLinks();

    /// <inheritdoc cref="RouteSocket.ListAddresses"/>
    IReadOnlyList<InterfaceAddress> ListAddresses(int linkIndex = 0, AddressFamily family = AddressFamily.Unspecified);

    /// <inheritdoc cref="RouteSocket.ListRoutes"/>
    IReadOnlyList<RouteEntry> ListRoutes(RouteFilter? filter = null);
}
