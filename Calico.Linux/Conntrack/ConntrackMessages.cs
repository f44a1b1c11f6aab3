using System.Net;
using Calico.Linux.Netlink;

namespace Calico.Linux.Conntrack;

/// <summary>Messages of ctnetlink (uapi linux/netfilter/nfnetlink_conntrack.h).</summary>
internal static class ConntrackMessages
{
    public const ushort IPCTNL_MSG_CT_GET = NFNL_SUBSYS_CTNETLINK << 8 | 1;
    public const ushort IPCTNL_MSG_CT_DELETE = NFNL_SUBSYS_CTNETLINK << 8 | 2;
    public const ushort CTA_TUPLE_ORIG = 1;
    public const ushort CTA_TUPLE_REPLY = 2;
    public const ushort CTA_STATUS = 3;
    public const ushort CTA_MARK = 8;
    public const ushort CTA_ID = 12;
    public const ushort CTA_ZONE = 18;
    public const ushort CTA_FILTER = 25;
    public const ushort CTA_FILTER_ORIG_FLAGS = 1;
    public const ushort CTA_FILTER_REPLY_FLAGS = 2;
    public const ushort CTA_TUPLE_IP = 1;
    public const ushort CTA_IP_V4_SRC = 1;
    public const ushort CTA_IP_V4_DST = 2;
    public const ushort CTA_IP_V6_SRC = 3;
    public const ushort CTA_IP_V6_DST = 4;

    // net/netfilter/nf_conntrack_netlink.c: which parts of a tuple a filter compares.
    public const uint CTA_FILTER_F_CTA_IP_SRC = 1 << 0;
    public const uint CTA_FILTER_F_CTA_IP_DST = 1 << 1;

    private const ushort NFNL_SUBSYS_CTNETLINK = 1;
    private const ushort CTA_TUPLE_PROTO = 2;
    private const ushort CTA_PROTO_NUM = 1;
    private const ushort CTA_PROTO_SRC_PORT = 2;
    private const ushort CTA_PROTO_DST_PORT = 3;
    private const ushort CTA_PROTO_ICMP_TYPE = 5;
    private const ushort CTA_PROTO_ICMP_CODE = 6;
    private const ushort CTA_PROTO_ICMPV6_TYPE = 8;
    private const ushort CTA_PROTO_ICMPV6_CODE = 9;

    // uapi linux/netfilter/nf_conntrack_common.h
    private const uint IPS_EXPECTED = 1 << 0;

    /// <summary>Null for an entry without the addresses that an entry has.</summary>
    public static ConntrackEntry? Read(in NetlinkMessage message)
    {
        Tuple original = default, reply = default;
        ReadOnlySpan<byte> originalBytes = [];
        uint mark = 0, id = 0, status = 0;
        ushort? zone = null;
        var attributes = message.Attributes<Nftables.NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case CTA_TUPLE_ORIG:
                    original = ReadTuple(a.Nested);
                    originalBytes = a.Content;
                    break;
                case CTA_TUPLE_REPLY: reply = ReadTuple(a.Nested); break;
                case CTA_STATUS: status = a.U32BigEndian; break;
                case CTA_MARK: mark = a.U32BigEndian; break;
                case CTA_ID: id = a.U32BigEndian; break;
                case CTA_ZONE: zone = a.U16BigEndian; break;
            }
        }

        if (original.Source is null || original.Destination is null || reply.Source is null || reply.Destination is null)
        {
            return null;
        }

        return new ConntrackEntry
        {
            OriginalSource = original.Source, OriginalDestination = original.Destination, ReplySource = reply.Source,
            ReplyDestination = reply.Destination, Protocol = original.Protocol, SourcePort = original.SourcePort,
            DestinationPort = original.DestinationPort, ReplySourcePort = reply.SourcePort, ReplyDestinationPort = reply.DestinationPort,
            Icmp = original.IcmpType is { } type ? (type, original.IcmpCode) : null, IsExpected = (status & IPS_EXPECTED) != 0, Mark = mark,
                Id = id, Zone = zone, OriginalTuple = [.. originalBytes],
        };
    }

    private static Tuple ReadTuple(AttributeReader attributes)
    {
        var tuple = new Tuple();
        while (attributes.TryRead(out var a))
        {
            var inner = a.Nested;
            switch (a.Type)
            {
                case CTA_TUPLE_IP:
                    while (inner.TryRead(out var address))
                    {
                        if (address.Type is CTA_IP_V4_SRC or CTA_IP_V6_SRC)
                        {
                            tuple.Source = address.Address;
                        }
                        else if (address.Type is CTA_IP_V4_DST or CTA_IP_V6_DST)
                        {
                            tuple.Destination = address.Address;
                        }
                    }

                    break;
                case CTA_TUPLE_PROTO:
                    while (inner.TryRead(out var part))
                    {
                        switch (part.Type)
                        {
                            case CTA_PROTO_NUM: tuple.Protocol = part.U8; break;
                            case CTA_PROTO_SRC_PORT: tuple.SourcePort = part.U16BigEndian; break;
                            case CTA_PROTO_DST_PORT: tuple.DestinationPort = part.U16BigEndian; break;
                            case CTA_PROTO_ICMP_TYPE or CTA_PROTO_ICMPV6_TYPE: tuple.IcmpType = part.U8; break;
                            case CTA_PROTO_ICMP_CODE or CTA_PROTO_ICMPV6_CODE: tuple.IcmpCode = part.U8; break;
                        }
                    }

                    break;
            }
        }

        return tuple;
    }

    private struct Tuple
    {
        public IPAddress? Source;
        public IPAddress? Destination;
        public byte Protocol;
        public ushort SourcePort;
        public ushort DestinationPort;
        public byte? IcmpType;
        public byte IcmpCode;
    }
}
