using System.Net;
using System.Net.NetworkInformation;
using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

/// <summary>Which hardware address an IP address on a link has.</summary>
public sealed record NeighbourEntry
{
    internal const ushort NDA_DST = 1;
    internal const ushort NDA_LLADDR = 2;
    internal const byte NTF_SELF = 2;
    internal const byte NTF_PROXY = 8;

    public required int LinkIndex { get; init; }

    public required IPAddress Address { get; init; }

    /// <summary>Null only in entries that are not resolved, and in proxy entries.</summary>
    public PhysicalAddress? Mac { get; init; }

    public NeighbourStates State { get; init; } = NeighbourStates.Permanent;

    /// <summary>This machine answers for the address (neighbour proxy).</summary>
    public bool IsProxy { get; init; }

    public override string ToString() => $"{Address} lladdr {(Mac is null ? "none" : MacText.Of(Mac))} dev {LinkIndex}";

    /// <summary>Null for what is no neighbour of an IP address.</summary>
    internal static NeighbourEntry? Read(in NetlinkMessage message)
    {
        var header = message.ReadStruct<NeighbourHeader>();
        if (header.Family is not (RouteMessages.AF_INET or RouteMessages.AF_INET6))
        {
            return null;
        }

        IPAddress? address = null;
        PhysicalAddress? mac = null;
        var attributes = message.Attributes<NeighbourHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NDA_DST: address = a.Address; break;
                case NDA_LLADDR: mac = new PhysicalAddress(a.Content.ToArray()); break;
            }
        }

        return address is null ? null : new NeighbourEntry
        {
            LinkIndex = header.Index, Address = address, Mac = mac, State = (NeighbourStates)header.State,
            IsProxy = (header.Flags & NTF_PROXY) != 0,
        };
    }
}
