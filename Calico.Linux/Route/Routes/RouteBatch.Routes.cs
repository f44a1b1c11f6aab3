using System.Net;
using System.Runtime.InteropServices;
using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

public sealed partial class RouteBatch
{
    /// <summary>Adds a route. <see cref="Errno.Exists"/>: one with its table, destination and metric is there.</summary>
    public void AddRoute(RouteEntry route) =>
        WriteRoute(RouteMessages.RTM_NEWROUTE, NetlinkFlags.Create | NetlinkFlags.Exclusive, "add", route);

    /// <summary>Adds a route, or puts it in the place of the one with its table, destination and metric.</summary>
    public void ReplaceRoute(RouteEntry route) =>
        WriteRoute(RouteMessages.RTM_NEWROUTE, NetlinkFlags.Create | NetlinkFlags.Replace, "replace", route);

    /// <summary>Deletes the route with this table, destination, metric, protocol and, where given, link and gateway.
    /// <see cref="Errno.NoProcess"/>: it is not there.</summary>
    public void DeleteRoute(RouteEntry route) => WriteRoute(RouteMessages.RTM_DELROUTE, NetlinkFlags.None, "delete", route);

    private void WriteRoute(ushort type, NetlinkFlags flags, string verb, RouteEntry route)
    {
        ArgumentNullException.ThrowIfNull(route);
        var deletes = type == RouteMessages.RTM_DELROUTE;
        var family = RouteMessages.FamilyOf(route.Destination.BaseAddress);
        Begin(type, flags, $"{verb} route {route}");
        _writer.WriteStruct(new RouteHeader
        {
            Family = family,
            DestinationLength = (byte)route.Destination.PrefixLength,

            // Tables above 255 are named by the attribute alone.
            Table = (byte)(route.Table <= byte.MaxValue ? route.Table : 0),
            Protocol = route.Protocol.Number,

            // A delete matches any scope; the key decides.
            Scope = (byte)(deletes ? RouteScope.Nowhere : route.EffectiveScope),
            Kind = (byte)route.Kind,
            Flags = route.OnLink ? RouteEntry.RTNH_F_ONLINK : 0,
        });
        _writer.WriteU32(RouteEntry.RTA_TABLE, route.Table);
        if (route.Destination.PrefixLength != 0)
        {
            _writer.WriteAddress(RouteEntry.RTA_DST, route.Destination.BaseAddress);
        }

        if (route.Gateway is { } gateway)
        {
            WriteGateway(family, gateway);
        }

        if (route.LinkIndex != 0)
        {
            _writer.WriteI32(RouteEntry.RTA_OIF, route.LinkIndex);
        }

        if (route.Metric != 0)
        {
            _writer.WriteU32(RouteEntry.RTA_PRIORITY, route.Metric);
        }

        if (route.PreferredSource is { } source)
        {
            _writer.WriteAddress(RouteEntry.RTA_PREFSRC, source);
        }

        if (route.Mtu != 0)
        {
            var metrics = _writer.BeginNested(RouteEntry.RTA_METRICS);
            _writer.WriteU32(RouteEntry.RTAX_MTU, route.Mtu);
            _writer.EndNested(metrics);
        }

        End();
    }

    private void WriteGateway(byte family, IPAddress gateway)
    {
        var gatewayFamily = RouteMessages.FamilyOf(gateway);
        if (gatewayFamily == family)
        {
            _writer.WriteAddress(RouteEntry.RTA_GATEWAY, gateway);
            return;
        }

        Span<byte> via = stackalloc byte[2 + 16];
        MemoryMarshal.Write(via, (ushort)gatewayFamily);
        gateway.TryWriteBytes(via[2..], out var length);
        _writer.WriteBytes(RouteEntry.RTA_VIA, via[..(2 + length)]);
    }
}
