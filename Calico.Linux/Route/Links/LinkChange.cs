using System.Net.NetworkInformation;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Route;

/// <summary>Changes to one link; what is null stays as it is.</summary>
public sealed record LinkChange
{
    /// <summary>Which link.</summary>
    public required int Index { get; init; }

    public bool? Up { get; init; }

    /// <summary>Whether neighbours are asked for (not IFF_NOARP).</summary>
    public bool? Arp { get; init; }

    /// <summary>IFF_MULTICAST.</summary>
    public bool? Multicast { get; init; }

    /// <summary>New name. Before Linux 6.2 a link that is up refuses it: take it down in a message before.</summary>
    public string? Name { get; init; }

    public int? Mtu { get; init; }

    public PhysicalAddress? Mac { get; init; }

    public uint? Group { get; init; }

    public string? Alias { get; init; }

    /// <summary>Bridge index; 0 takes it out.</summary>
    public int? MasterIndex { get; init; }

    public Ipv4LinkSettings? Ipv4 { get; init; }

    public AddressGenerationMode? AddressGeneration { get; init; }

    /// <summary>Moves the link there (about 20 ms).</summary>
    public SafeFileHandle? MoveTo { get; init; }
}
