using System.Net;
using System.Net.Sockets;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using static Calico.Linux.Conntrack.ConntrackMessages;

namespace Calico.Linux.Conntrack;

/// <summary>The requests of ctnetlink.</summary>
internal static class ConntrackQueries
{
    private const byte NFPROTO_IPV4 = 2;
    private const byte NFPROTO_IPV6 = 10;

    public static void List(NetlinkWriter writer, uint sequence, ConntrackTuplePart part, IPAddress address)
    {
        writer.BeginMessage(IPCTNL_MSG_CT_GET, NetlinkFlags.Request | NetlinkFlags.Dump, sequence);
        writer.WriteStruct(new NetfilterHeader { Family = FamilyOf(address) });

        // IPv4 only: for IPv6 the kernel's comparison is inverted and leaves out just what was asked for (seen with 6.18).
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            WriteFilter(writer, part, address);
        }

        writer.EndMessage();
    }

    /// <summary>Everything of a family.</summary>
    public static void List(NetlinkWriter writer, uint sequence, AddressFamily family)
    {
        writer.BeginMessage(IPCTNL_MSG_CT_GET, NetlinkFlags.Request | NetlinkFlags.Dump, sequence);
        writer.WriteStruct(new NetfilterHeader { Family = family == AddressFamily.InterNetworkV6 ? NFPROTO_IPV6 : NFPROTO_IPV4 });
        writer.EndMessage();
    }

    /// <summary>One entry, by its whole original tuple and number, so that no later entry between the same ends is meant.</summary>
    public static void Delete(NetlinkWriter writer, uint sequence, ConntrackEntry entry)
    {
        writer.BeginMessage(IPCTNL_MSG_CT_DELETE, NetlinkFlags.Request | NetlinkFlags.Ack, sequence);
        writer.WriteStruct(new NetfilterHeader { Family = FamilyOf(entry.OriginalSource) });
        var tuple = writer.BeginNested(CTA_TUPLE_ORIG);
        writer.WriteRaw(entry.OriginalTuple.AsSpan());
        writer.EndNested(tuple);
        writer.WriteU32BigEndian(CTA_ID, entry.Id);
        if (entry.Zone is { } zone)
        {
            writer.WriteU16BigEndian(CTA_ZONE, zone);
        }

        writer.EndMessage();
    }

    private static byte FamilyOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

    private static void WriteFilter(NetlinkWriter writer, ConntrackTuplePart part, IPAddress address)
    {
        var isSource = part is ConntrackTuplePart.OriginalSource or ConntrackTuplePart.ReplySource;
        var isReply = part is ConntrackTuplePart.ReplySource or ConntrackTuplePart.ReplyDestination;
        var wanted = isSource ? CTA_FILTER_F_CTA_IP_SRC : CTA_FILTER_F_CTA_IP_DST;
        var tuple = writer.BeginNested(isReply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
        var addresses = writer.BeginNested(CTA_TUPLE_IP);
        writer.WriteAddress(isSource ? CTA_IP_V4_SRC : CTA_IP_V4_DST, address);
        writer.EndNested(addresses);
        writer.EndNested(tuple);
        var filter = writer.BeginNested(CTA_FILTER);
        writer.WriteU32(CTA_FILTER_ORIG_FLAGS, isReply ? 0 : wanted);
        writer.WriteU32(CTA_FILTER_REPLY_FLAGS, isReply ? wanted : 0);
        writer.EndNested(filter);
    }
}
