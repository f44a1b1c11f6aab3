using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

/// <summary>A route. The kernel's key is table, destination and metric (and, for IPv6, more than one may share it).</summary>
/// <remarks>What is listed differs from what was asked for where the kernel fills in: compare with <see cref="AsListed"/>.</remarks>
public sealed record RouteEntry
{
    internal const ushort RTA_DST = 1;
    internal const ushort RTA_OIF = 4;
    internal const ushort RTA_GATEWAY = 5;
    internal const ushort RTA_PRIORITY = 6;
    internal const ushort RTA_PREFSRC = 7;
    internal const ushort RTA_METRICS = 8;
    internal const ushort RTA_MULTIPATH = 9;
    internal const ushort RTA_TABLE = 15;
    internal const ushort RTA_VIA = 18;
    internal const ushort RTAX_MTU = 2;
    internal const uint RTNH_F_ONLINK = 4;
    internal const uint RTM_F_CLONED = 0x200;

    /// <summary>What the kernel gives an IPv6 route without a metric (uapi linux/ipv6_route.h, IP6_RT_PRIO_USER).</summary>
    private const uint DefaultIPv6Metric = 1024;
    private const int LoopbackIndex = 1;

    public required IPNetwork Destination { get; init; }

    public RouteKind Kind { get; init; } = RouteKind.Unicast;

    /// <summary>The link; 0 when the kind needs none or the gateway decides.</summary>
    public int LinkIndex { get; init; }

    /// <summary>Next hop; of the other family too (an IPv4 route through an IPv6 gateway).</summary>
    public IPAddress? Gateway { get; init; }

    /// <summary>The gateway is on the link whatever the addresses say. (Refused, as an invalid gateway, in a namespace that has no IPv4
    /// address at all, not even on lo: the kernel then has no local table to look into.)</summary>
    public bool OnLink { get; init; }

    public uint Table { get; init; } = RouteTableNumber.Main;

    public RouteProtocol Protocol { get; init; } = RouteProtocol.Static;

    /// <summary>Null: Link for an IPv4 unicast route without a gateway, else Universe.</summary>
    public RouteScope? Scope { get; init; }

    /// <summary>Priority, lower first.</summary>
    public uint Metric { get; init; }

    public IPAddress? PreferredSource { get; init; }

    /// <summary>Bytes; 0 is the link's.</summary>
    public uint Mtu { get; init; }

    /// <summary>Read only: the route has several next hops, which are not listed here.</summary>
    public bool IsMultipath { get; init; }

    private bool IsIPv6 => Destination.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>The route as a listing will show it: scope, IPv6 metric and the loopback link of IPv6 routes without one filled in.
    /// </summary>
    public RouteEntry AsListed() => this with
    {
        Scope = EffectiveScope,
        Metric = IsIPv6 && Metric == 0 ? DefaultIPv6Metric : Metric,
        LinkIndex = IsIPv6 && LinkIndex == 0 && Kind != RouteKind.Unicast ? LoopbackIndex : LinkIndex,
    };

    /// <summary>IPv6 knows no scopes; an IPv4 route without a gateway reaches what is on the link.</summary>
    internal RouteScope EffectiveScope => IsIPv6 ? RouteScope.Universe
        : Scope ?? (Gateway is null && Kind == RouteKind.Unicast ? RouteScope.Link : RouteScope.Universe);

    public override string ToString()
    {
        var text = new StringBuilder();
        if (Kind != RouteKind.Unicast)
        {
            text.Append(Kind.ToString().ToLowerInvariant()).Append(' ');
        }

        text.Append(Destination);
        if (Gateway is not null)
        {
            text.Append(" via ").Append(Gateway);
        }

        if (LinkIndex != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" dev {LinkIndex}");
        }

        if (Table != RouteTableNumber.Main)
        {
            text.Append(CultureInfo.InvariantCulture, $" table {Table}");
        }

        if (Metric != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" metric {Metric}");
        }

        return text.ToString();
    }

    internal static RouteEntry Read(in NetlinkMessage message)
    {
        var header = message.ReadStruct<RouteHeader>();
        IPAddress? destination = null, gateway = null, source = null;
        var link = 0;
        uint table = header.Table, metric = 0, mtu = 0;
        var multipath = false;
        var attributes = message.Attributes<RouteHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case RTA_DST: destination = a.Address; break;
                case RTA_OIF: link = a.I32; break;
                case RTA_GATEWAY: gateway = a.Address; break;
                case RTA_VIA: gateway = ReadVia(a.Content); break;
                case RTA_PRIORITY: metric = a.U32; break;
                case RTA_PREFSRC: source = a.Address; break;
                case RTA_TABLE: table = a.U32; break;
                case RTA_MULTIPATH: multipath = true; break;
                case RTA_METRICS: mtu = ReadMtu(a.Nested); break;
            }
        }

        return new RouteEntry
        {
            Destination = new IPNetwork(destination ?? RouteMessages.AnyOf(header.Family), header.DestinationLength),
            Kind = (RouteKind)header.Kind, LinkIndex = link, Gateway = gateway, OnLink = (header.Flags & RTNH_F_ONLINK) != 0,
            Table = table, Protocol = new RouteProtocol(header.Protocol), Scope = (RouteScope)header.Scope, Metric = metric,
            PreferredSource = source, Mtu = mtu, IsMultipath = multipath,
        };
    }

    /// <summary>struct rtvia: a native-endian family, then the address.</summary>
    private static IPAddress? ReadVia(ReadOnlySpan<byte> content) => content.Length is 6 or 18 ? new IPAddress(content[2..]) : null;

    private static uint ReadMtu(AttributeReader attributes)
    {
        while (attributes.TryRead(out var a))
        {
            if (a.Type == RTAX_MTU)
            {
                return a.U32;
            }
        }

        return 0;
    }
}
