using System.Runtime.CompilerServices;
using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

/// <summary>What changes in one network namespace, as it changes.</summary>
/// <remarks>Open it before the first listing: then nothing falls between listing and events. One reader.</remarks>
public sealed class RouteEventStream : IDisposable
{
    // uapi linux/rtnetlink.h, RTNLGRP_*
    private const int RTNLGRP_LINK = 1;
    private const int RTNLGRP_NEIGH = 3;
    private const int RTNLGRP_IPV4_IFADDR = 5;
    private const int RTNLGRP_IPV4_ROUTE = 7;
    private const int RTNLGRP_IPV4_RULE = 8;
    private const int RTNLGRP_IPV6_IFADDR = 9;
    private const int RTNLGRP_IPV6_ROUTE = 11;
    private const int RTNLGRP_IPV6_RULE = 19;
    private const int RTNLGRP_IPV4_NETCONF = 24;
    private const int RTNLGRP_IPV6_NETCONF = 25;

    // uapi linux/netconf.h
    private const ushort NETCONFA_IFINDEX = 1;

    private readonly NetlinkEventSocket _socket;
    private readonly List<RouteEvent> _pending = [];

    private RouteEventStream(NetlinkEventSocket socket) => _socket = socket;

    /// <summary>Subscribes in the network namespace of the calling thread.</summary>
    /// <param name="kinds">What to be told of.</param>
    /// <param name="bufferBytes">How much may wait before some is lost; 0 is 8 MiB, about 20,000 events.</param>
    public static RouteEventStream Open(RouteEventKinds kinds, int bufferBytes = 0)
    {
        List<int> groups = [];
        if (kinds.HasFlag(RouteEventKinds.Links))
        {
            groups.Add(RTNLGRP_LINK);
        }

        if (kinds.HasFlag(RouteEventKinds.Addresses))
        {
            groups.AddRange([RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR]);
        }

        if (kinds.HasFlag(RouteEventKinds.Routes))
        {
            groups.AddRange([RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE]);
        }

        if (kinds.HasFlag(RouteEventKinds.Rules))
        {
            groups.AddRange([RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE]);
        }

        if (kinds.HasFlag(RouteEventKinds.Neighbours))
        {
            groups.Add(RTNLGRP_NEIGH);
        }

        if (kinds.HasFlag(RouteEventKinds.Settings))
        {
            groups.AddRange([RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF]);
        }

        return new RouteEventStream(NetlinkEventSocket.Open(NetlinkFamily.Route, [.. groups], bufferBytes));
    }

    /// <summary>Leaves out what these sockets' requests do from now on: whoever did it knows. What the kernel does on its own because of it
    /// (a carrier comes up, routes go with their link) is still told.</summary>
    /// <param name="ports"><see cref="RouteSocket.PortId"/> of each.</param>
    public void IgnoreDoingsOf(params ReadOnlySpan<uint> ports) => _socket.IgnoreDoingsOf(ports);

    /// <summary>Events until cancelled. After <see cref="RouteEvent.Lost"/> it goes on.</summary>
    public async IAsyncEnumerable<RouteEvent> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            await ReceiveAsync(cancellationToken);
            foreach (var change in _pending)
            {
                yield return change;
            }

            _pending.Clear();
        }
    }

    public void Dispose() => _socket.Dispose();

    private async ValueTask ReceiveAsync(CancellationToken cancellationToken)
    {
        try
        {
            Read((await _socket.ReceiveAsync(cancellationToken)).Span);
        }
        catch (Exception e) when (e is NetlinkOverrunException or NetlinkFormatException)
        {
            // What cannot be read is as lost as what did not arrive.
            _pending.Add(new RouteEvent.Lost());
        }
    }

    private void Read(ReadOnlySpan<byte> datagram)
    {
        var reader = new NetlinkReader(datagram);
        while (reader.TryRead(out var message))
        {
            if (Read(message) is { } change)
            {
                _pending.Add(change);
            }
        }
    }

    private static int ReadSettingsIndex(in NetlinkMessage message)
    {
        var attributes = message.Attributes<GeneralHeader>();
        while (attributes.TryRead(out var a))
        {
            if (a.Type == NETCONFA_IFINDEX)
            {
                return a.I32;
            }
        }

        throw new NetlinkFormatException("a notice of settings without a link");
    }

    private static RouteEvent? Read(in NetlinkMessage message) => message.Type switch
    {
        // A bridge tells of its ports with the same types: its "deleted" means that the link is no port any more.
        RouteMessages.RTM_NEWLINK or RouteMessages.RTM_DELLINK
            when message.ReadStruct<LinkHeader>().Family == RouteMessages.AF_BRIDGE => null,
        RouteMessages.RTM_NEWLINK => new RouteEvent.LinkChanged(LinkState.Read(message), Removed: false),
        RouteMessages.RTM_DELLINK => new RouteEvent.LinkChanged(LinkState.Read(message), Removed: true),
        RouteMessages.RTM_NEWADDR => new RouteEvent.AddressChanged(InterfaceAddress.Read(message), Removed: false),
        RouteMessages.RTM_DELADDR => new RouteEvent.AddressChanged(InterfaceAddress.Read(message), Removed: true),
        RouteMessages.RTM_NEWROUTE => new RouteEvent.RouteChanged(RouteEntry.Read(message), Removed: false),
        RouteMessages.RTM_DELROUTE => new RouteEvent.RouteChanged(RouteEntry.Read(message), Removed: true),
        RouteMessages.RTM_NEWRULE => new RouteEvent.RuleChanged(RoutingRule.Read(message), Removed: false),
        RouteMessages.RTM_DELRULE => new RouteEvent.RuleChanged(RoutingRule.Read(message), Removed: true),
        RouteMessages.RTM_NEWNETCONF => new RouteEvent.SettingsChanged(ReadSettingsIndex(message)),
        RouteMessages.RTM_NEWNEIGH => NeighbourEntry.Read(message) is { } set
            ? new RouteEvent.NeighbourChanged(set, Removed: false) : null,
        RouteMessages.RTM_DELNEIGH => NeighbourEntry.Read(message) is { } gone
            ? new RouteEvent.NeighbourChanged(gone, Removed: true) : null,
        _ => null,
    };
}
