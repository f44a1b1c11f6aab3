using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Calico.Linux.Conntrack;

/// <summary>What whoever ends tracked connections asks of the kernel; the kernel's own is <see cref="ConntrackSocket"/>.</summary>
public interface IConntrack : IDisposable
{
    /// <inheritdoc cref="ConntrackSocket.ListAddresses"/>
    HashSet<IPAddress> ListAddresses();

    /// <inheritdoc cref="ConntrackSocket.List(ConntrackTuplePart, IPAddress)"/>
    ImmutableArray<ConntrackEntry> List(ConntrackTuplePart part, IPAddress address);

    /// <inheritdoc cref="ConntrackSocket.List(IReadOnlySet{IPAddress})"/>
    ImmutableArray<ConntrackEntry> List(IReadOnlySet<IPAddress> addresses);

    /// <inheritdoc cref="ConntrackSocket.List(AddressFamily, Func{ConntrackEntry, bool})"/>
    ImmutableArray<ConntrackEntry> List(AddressFamily family, Func<ConntrackEntry, bool> isWanted);

    /// <inheritdoc cref="ConntrackSocket.Delete(ImmutableArray{ConntrackEntry})"/>
    int Delete(ImmutableArray<ConntrackEntry> entries);
}
