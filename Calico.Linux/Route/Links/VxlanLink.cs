using System.Net;
using System.Net.NetworkInformation;

namespace Calico.Linux.Route;

/// <summary>A VXLAN device whose forwarding table is written by its owner (no learning).</summary>
public sealed record VxlanLink
{
    public required string Name { get; init; }

    /// <summary>VXLAN network identifier, 24 bits.</summary>
    public required int Vni { get; init; }

    /// <summary>UDP port.</summary>
    public int Port { get; init; } = 4789;

    /// <summary>Source address of the outer packets; its family is that of the tunnel.</summary>
    public IPAddress? Local { get; init; }

    /// <summary>The device that the outer packets leave through; 0 leaves it to routing.</summary>
    public int ParentIndex { get; init; }

    public int Index { get; init; }

    public PhysicalAddress? Mac { get; init; }

    public int Mtu { get; init; }

    public bool Up { get; init; }
}
