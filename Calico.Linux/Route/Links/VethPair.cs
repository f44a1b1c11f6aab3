using System.Net.NetworkInformation;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Route;

/// <summary>A pair of virtual Ethernet links, the peer made inside another namespace at once.</summary>
/// <remarks>
/// Choose <see cref="Index"/> and messages that need the index (a route through the link) can ride in the same batch.
/// The peer is made down: the kernel refuses (ENOTCONN) a peer that is to be up at creation.
/// Alias and IPv4 settings are ignored at creation; a <see cref="LinkChange"/> in the same batch sets them.
/// Moving a link between namespaces afterwards costs 20 ms of waiting; making it there costs nothing.
/// </remarks>
public sealed record VethPair
{
    /// <summary>Name of the end in the socket's own namespace, at most 15 bytes.</summary>
    public required string Name { get; init; }

    /// <summary>Its index; 0 lets the kernel choose. A used one fails with <see cref="Errno.Busy"/>.</summary>
    public int Index { get; init; }

    public PhysicalAddress? Mac { get; init; }

    /// <summary>Bytes, both ends; 0 is the kernel's 1500.</summary>
    public int Mtu { get; init; }

    /// <summary>Link group of this end.</summary>
    public uint Group { get; init; }

    /// <summary>Whether this end comes up at once.</summary>
    public bool Up { get; init; }

    /// <summary>Receive and transmit queues of both ends. One is right for a container, and 0.3 ms cheaper than one per CPU.</summary>
    public int QueuePairs { get; init; } = 1;

    public required string PeerName { get; init; }

    /// <summary>Index of the peer in its namespace; 0 lets the kernel choose.</summary>
    public int PeerIndex { get; init; }

    public PhysicalAddress? PeerMac { get; init; }

    /// <summary>Where the peer is made; null means the socket's own namespace. Must stay open until the batch was sent.</summary>
    public SafeFileHandle? PeerNamespace { get; init; }
}
