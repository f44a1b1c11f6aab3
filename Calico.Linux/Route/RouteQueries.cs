using System.Net.Sockets;
using Calico.Linux.Netlink;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Route;

/// <summary>The GET requests of rtnetlink. With strict checking on, every header field that is not a filter must be 0.</summary>
internal static class RouteQueries
{
    // uapi linux/net_namespace.h
    public const ushort NETNSA_NSID = 1;
    private const ushort NETNSA_FD = 3;

    private const ushort NDA_IFINDEX = 8;

    /// <summary>One link, by name or by index.</summary>
    public static void Link(NetlinkWriter writer, uint sequence, int index, string? name)
    {
        writer.BeginMessage(RouteMessages.RTM_GETLINK, NetlinkFlags.Request, sequence);
        writer.WriteStruct(new LinkHeader { Index = index });
        if (name is not null)
        {
            writer.WriteString(LinkAttributes.IFLA_IFNAME, name);
        }

        writer.WriteU32(LinkAttributes.IFLA_EXT_MASK, LinkAttributes.RTEXT_FILTER_SKIP_STATS);
        writer.EndMessage();
    }

    public static void Links(NetlinkWriter writer, uint sequence)
    {
        BeginDump(writer, RouteMessages.RTM_GETLINK, sequence);
        writer.WriteStruct(default(LinkHeader));
        writer.WriteU32(LinkAttributes.IFLA_EXT_MASK, LinkAttributes.RTEXT_FILTER_SKIP_STATS);
        writer.EndMessage();
    }

    /// <summary>The number that this namespace has for another.</summary>
    /// <param name="writer">Gets the request.</param>
    /// <param name="sequence">Of the request.</param>
    /// <param name="descriptor">Open until the request was sent.</param>
    public static void NamespaceId(NetlinkWriter writer, uint sequence, SafeFileHandle descriptor)
    {
        ObjectDisposedException.ThrowIf(descriptor.IsClosed, descriptor);
        writer.BeginMessage(RouteMessages.RTM_GETNSID, NetlinkFlags.Request, sequence);
        writer.WriteStruct(default(GeneralHeader));
        writer.WriteI32(NETNSA_FD, (int)descriptor.DangerousGetHandle());
        writer.EndMessage();
    }

    public static void Addresses(NetlinkWriter writer, uint sequence, int linkIndex, AddressFamily family)
    {
        BeginDump(writer, RouteMessages.RTM_GETADDR, sequence);
        writer.WriteStruct(new AddressHeader { Family = RouteMessages.FamilyOf(family), Index = linkIndex });
        writer.EndMessage();
    }

    public static void Routes(NetlinkWriter writer, uint sequence, RouteFilter filter)
    {
        BeginDump(writer, RouteMessages.RTM_GETROUTE, sequence);
        writer.WriteStruct(new RouteHeader
        {
            Family = RouteMessages.FamilyOf(filter.Family),
            Protocol = filter.Protocol.Number,
            Kind = (byte)filter.Kind,
        });
        if (filter.Table != 0)
        {
            writer.WriteU32(RouteEntry.RTA_TABLE, filter.Table);
        }

        if (filter.LinkIndex != 0)
        {
            writer.WriteI32(RouteEntry.RTA_OIF, filter.LinkIndex);
        }

        writer.EndMessage();
    }

    public static void Rules(NetlinkWriter writer, uint sequence, AddressFamily family)
    {
        BeginDump(writer, RouteMessages.RTM_GETRULE, sequence);
        writer.WriteStruct(new RuleHeader { Family = RouteMessages.FamilyOf(family) });
        writer.EndMessage();
    }

    public static void Neighbours(NetlinkWriter writer, uint sequence, int linkIndex)
    {
        BeginDump(writer, RouteMessages.RTM_GETNEIGH, sequence);
        writer.WriteStruct(default(NeighbourHeader));
        if (linkIndex != 0)
        {
            writer.WriteI32(NDA_IFINDEX, linkIndex);
        }

        writer.EndMessage();
    }

    /// <summary>A forwarding table is asked for as neighbours of the bridge family, its device in the header.</summary>
    public static void Forwarding(NetlinkWriter writer, uint sequence, int linkIndex)
    {
        BeginDump(writer, RouteMessages.RTM_GETNEIGH, sequence);
        writer.WriteStruct(new NeighbourHeader { Family = RouteMessages.AF_BRIDGE, Index = linkIndex });
        writer.EndMessage();
    }

    private static void BeginDump(NetlinkWriter writer, ushort type, uint sequence) =>
        writer.BeginMessage(type, NetlinkFlags.Request | NetlinkFlags.Dump, sequence);
}
