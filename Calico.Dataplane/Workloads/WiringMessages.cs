using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Calico.Dataplane.Reconciliation;
using Calico.Linux.Route;

namespace Calico.Dataplane.Workloads;

/// <summary>The two sends of a wiring.</summary>
internal static class WiringMessages
{
    /// <summary>net/core/dev.h: the first device of every namespace.</summary>
    private const int LoopbackIndex = 1;

    /// <summary>Upstream's, the same on every host side.</summary>
    public static readonly PhysicalAddress HostMac = new([0xee, 0xee, 0xee, 0xee, 0xee, 0xee]);

    /// <summary>The workload's IPv6 gateway.</summary>
    public static readonly IPAddress HostLinkLocal = LinkLocalOf(HostMac);

    private static readonly Ipv4LinkSettings Settings =
        new() { Forwarding = true, ProxyArp = true, RouteLocalnet = false, ArpIgnore = 0 };

    /// <summary>Below 256 bytes (IFALIASZ) whatever the characters are.</summary>
    private const int MaxAlias = 80;

    private static readonly Ipv4LinkSettings SettingsWithLoopback = Settings with { RouteLocalnet = true };

    public static bool HasIpv6(WiringRequest request) => request.Addresses.Any(IsIpv6);

    /// <summary>By which a restarted process knows a link that was renamed: its name, then its endpoint for people.</summary>
    public static string AliasOf(WiringRequest request)
    {
        var text = $"{request.HostInterface} {request.Id}";
        return text.Length <= MaxAlias ? text : text[..MaxAlias];
    }

    /// <summary>What of it is kept from then on.</summary>
    public static KeptLink Kept(WiringRequest request, int index) =>
        new(request.HostInterface, index, AliasOf(request), request.Mtu, HasIpv6(request), request.Gateway6)
        {
            HandedOverGateway = request.IsHandedOver ? request.Gateway4 : null,
            LetsLoopback = request.LetsLoopback,
        };

    /// <summary>Of every host side, from its wiring on.</summary>
    /// <param name="letsLoopback">Answers to 127.0.0.1 may come in. What the workload sends there itself is dropped in raw all the
    /// same.</param>
    public static Ipv4LinkSettings HostSettings(bool letsLoopback) => letsLoopback ? SettingsWithLoopback : Settings;

    /// <summary>IPv6 gateways of the workload, on the host's side.</summary>
    /// <param name="gateway6">One more than all have, or null.</param>
    public static IEnumerable<IPAddress> HostAddresses(IPAddress? gateway6) =>
        gateway6 is null ? [HostLinkLocal] : [HostLinkLocal, gateway6];

    /// <summary>One of them.</summary>
    public static InterfaceAddress HostAddress(int index, IPAddress address) => new()
    {
        LinkIndex = index, Address = address, PrefixLength = 64, Scope = RouteScope.Link, SkipDuplicateDetection = true,
    };

    /// <summary>On the host's socket: the pair, its settings, its routes. The peer's index is the next one, never the same: the kernel
    /// takes a link whose peer has its own index for a plain one, and its carrier for less urgent (linkwatch_urgent_event).</summary>
    public static RouteBatch HostSide(WiringRequest request, int index, DataplaneOptions options, bool hasIpv6)
    {
        var batch = new RouteBatch();
        batch.AddVeth(new()
        {
            Name = request.HostInterface, Index = index, Mac = HostMac, Mtu = request.Mtu, Up = true, QueuePairs = request.NumQueues,
            Group = options.LinkGroup,
            PeerName = request.PeerInterface, PeerIndex = index + 1, PeerMac = request.Mac, PeerNamespace = request.Namespace,
        });
        // The peer is still down, so there is no carrier and IPv6 has not begun: no address of its own making comes into the way.
        batch.ChangeLink(new()
        {
            Index = index,
            Alias = AliasOf(request),
            Ipv4 = HostSettings(request.LetsLoopback),
            AddressGeneration = hasIpv6 ? AddressGenerationMode.None : null,
        });
        if (hasIpv6)
        {
            // Without IPv6 addresses too: what any kernel says on a new link (MLD, router solicitation) would count as spoofed otherwise,
            // because no route leads back to its link-local source.
            foreach (var address in HostAddresses(request.Gateway6))
            {
                batch.AddAddress(HostAddress(index, address));
            }
        }

        foreach (var address in request.Addresses)
        {
            // BIRD may hold it still, if the workload was elsewhere before: ours takes its place.
            batch.ReplaceRoute(new()
            {
                Destination = address, LinkIndex = index, Protocol = new((byte)options.RouteProtocol), Scope = IsIpv6(address) ? null
                    : RouteScope.Link,
            });
        }

        return batch;
    }

    /// <summary>On the host's socket, when the peer is up: the host side came up without a carrier, and has one now; and where the
    /// workload's addresses are.</summary>
    /// <remarks>Stale, not permanent: used at once and verified by the kernel a little later, so that a workload may change its MAC. A
    /// first question that is lost would be repeated only after a second.</remarks>
    public static RouteBatch Neighbours(WiringRequest request, int index)
    {
        var batch = new RouteBatch();
        batch.SettleCarrier(index);
        foreach (var address in request.Addresses)
        {
            batch.SetNeighbour(new() { LinkIndex = index, Address = address.BaseAddress, Mac = request.Mac,
                State = NeighbourStates.Stale });
        }

        return batch;
    }

    /// <summary>Inside the workload's namespace: addresses, the gateway's neighbour entry, routes.</summary>
    public static RouteBatch WorkloadSide(WiringRequest request, int index)
    {
        var batch = new RouteBatch();
        batch.ChangeLink(new() { Index = LoopbackIndex, Up = true });
        if (HasIpv6(request))
        {
            // The kernel makes its link-local address, and the route by which neighbours are answered, when it has noticed the carrier:
            // with many links coming and going that is up to a second late (linkwatch). So both are written here.
            batch.ChangeLink(new() { Index = index, AddressGeneration = AddressGenerationMode.None });
        }

        batch.ChangeLink(new() { Index = index, Up = true });
        foreach (var address in request.Addresses)
        {
            batch.AddAddress(new()
            {
                LinkIndex = index, Address = address.BaseAddress, PrefixLength = address.PrefixLength,
                    SkipDuplicateDetection = IsIpv6(address),
            });
        }

        if (request.Gateway4 is { } gateway && request.Addresses.Any(a => !IsIpv6(a)))
        {
            batch.SetNeighbour(new() { LinkIndex = index, Address = gateway, Mac = HostMac });
            batch.AddRoute(new() { Destination = new(gateway, 32), LinkIndex = index, Scope = RouteScope.Link,
                Protocol = RouteProtocol.Boot });
            AddRoutes(batch, request, index, AddressFamily.InterNetwork, gateway);
        }

        if (HasIpv6(request))
        {
            batch.AddAddress(new()
            {
                LinkIndex = index, Address = LinkLocalOf(request.Mac), PrefixLength = 64, Scope = RouteScope.Link,
                    SkipDuplicateDetection = true,
            });
            batch.SetNeighbour(new() { LinkIndex = index, Address = HostLinkLocal, Mac = HostMac });
            AddRoutes(batch, request, index, AddressFamily.InterNetworkV6, HostLinkLocal);
        }
        // Until the kernel has noticed its carrier, the workload's first answers are lost.
        batch.SettleCarrier(index);
        return batch;
    }

    private static void AddRoutes(RouteBatch batch, WiringRequest request, int index, AddressFamily family, IPAddress gateway)
    {
        if (request.DefaultRoute)
        {
            batch.AddRoute(new()
            {
                Destination = new(family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0), Gateway = gateway,
                    LinkIndex = index,
                Protocol = RouteProtocol.Boot,
            });
        }

        foreach (var route in request.Routes.Where(r => r.Destination.BaseAddress.AddressFamily == family))
        {
            batch.AddRoute(new() { Destination = route.Destination, Gateway = route.Via ?? gateway, LinkIndex = index,
                OnLink = route.Via is not null, Protocol = RouteProtocol.Boot });
        }
    }

    /// <summary>What belongs to a MAC (RFC 4291, appendix A).</summary>
    private static IPAddress LinkLocalOf(PhysicalAddress mac)
    {
        var m = mac.GetAddressBytes();
        return new([0xfe, 0x80, 0, 0, 0, 0, 0, 0, (byte)(m[0] ^ 0x02), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]]);
    }

    private static bool IsIpv6(IPNetwork network) => network.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6;
}
