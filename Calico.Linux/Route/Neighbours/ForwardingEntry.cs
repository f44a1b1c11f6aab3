using System.Net;
using System.Net.NetworkInformation;
using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

/// <summary>Where a VXLAN device sends frames for a hardware address.</summary>
public sealed record ForwardingEntry
{
    /// <summary>The VXLAN device.</summary>
    public required int LinkIndex { get; init; }

    public required PhysicalAddress Mac { get; init; }

    /// <summary>The other tunnel end.</summary>
    public required IPAddress Remote { get; init; }

    public override string ToString() => $"{MacText.Of(Mac)} dst {Remote} dev {LinkIndex}";

    internal static ForwardingEntry? Read(in NetlinkMessage message)
    {
        var header = message.ReadStruct<NeighbourHeader>();
        IPAddress? remote = null;
        PhysicalAddress? mac = null;
        var attributes = message.Attributes<NeighbourHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NeighbourEntry.NDA_DST: remote = a.Address; break;
                case NeighbourEntry.NDA_LLADDR: mac = new PhysicalAddress(a.Content.ToArray()); break;
            }
        }

        return header.Family != RouteMessages.AF_BRIDGE || remote is null || mac is null
            ? null : new ForwardingEntry { LinkIndex = header.Index, Mac = mac, Remote = remote };
    }
}
