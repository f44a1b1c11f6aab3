using System.Collections.Immutable;
using System.Globalization;
using System.Net;

namespace Calico.Host.Workloads;

/// <summary>How interfaces of one namespace get along: a gateway each, one default route, and routes to their own pools for the others.
/// </summary>
internal static class NamespaceGroup
{
    /// <summary>Gateways 169.254.1.1 to .8: more than eight interfaces in one namespace are refused by name.</summary>
    public const int MaxInterfaces = 8;

    /// <summary>Gateway and routes for one more interface.</summary>
    /// <param name="spec">The endpoint to be.</param>
    /// <param name="addresses">Its addresses.</param>
    /// <param name="others">Endpoints that are in the group already.</param>
    /// <param name="pools">All pools.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: a ninth interface, or a pool shared with another of the group.
    /// </exception>
    public static (IPAddress Gateway, bool DefaultRoute, ImmutableArray<Route> Routes) Place(EndpointSpec spec,
        ImmutableArray<IPNetwork> addresses,
        IReadOnlyCollection<EndpointRecord> others, ImmutableArray<AddressPool> pools)
    {
        var used = others.Select(NumberOf).ToHashSet();
        var gateway = Enumerable.Range(1, MaxInterfaces).Where(n => !used.Contains(n))
            .Select(n => string.Create(CultureInfo.InvariantCulture, $"169.254.1.{n}")).FirstOrDefault()
            ?? throw new CalicoException(Problem.Invalid,
                $"the namespace has {MaxInterfaces} Calico interfaces already, {spec.Id.Endpoint} would be one more: detach one first",
                "placement.interfaceName");
        var ours = PoolsOf(addresses, pools);
        foreach (var other in others)
        {
            if (ours.FirstOrDefault(p => PoolsOf(other.Networks, pools).Any(o => o.Name == p.Name)) is { } shared)
            {
                throw new CalicoException(Problem.Invalid,
                    $"network '{spec.Network}' and network '{other.Network}' ({other.PeerInterface}) both use IP pool '{shared.Name}': "
                    + "two interfaces of one namespace need pools of their own, or replies would leave with the wrong address",
                    "claim.pools");
            }
        }

        var first = !others.Any(o => o.DefaultRoute);
        var routes = spec.Routes.Length > 0 ? spec.Routes
            : first ? [] : [.. ours.Select(p => new Route(p.Cidr, null))];
        return (IPAddress.Parse(gateway), first && spec.Routes.Length == 0, routes);
    }

    /// <summary>The IPv6 gateway that goes with an IPv4 one, for interfaces that others configure: they know a gateway's interface by its
    /// address alone.</summary>
    /// <returns>Null: the address that every host side has.</returns>
    public static IPAddress? Gateway6Of(IPAddress gateway4)
    {
        var number = gateway4.GetAddressBytes()[3];
        return number == 1 ? null : new([.. InterfaceNames.HostLinkLocal.GetAddressBytes().AsSpan(0, 14), 0, number]);
    }

    /// <summary>Which of the group's gateways an endpoint has; those without IPv4 have one too.</summary>
    private static int NumberOf(EndpointRecord endpoint) => endpoint.Gateway4 is { } gateway ? IPAddress.Parse(gateway).GetAddressBytes()[3]
        : endpoint.Gateway6 is { } ipv6 ? IPAddress.Parse(ipv6).GetAddressBytes()[15] : 1;

    private static ImmutableArray<AddressPool> PoolsOf(ImmutableArray<IPNetwork> addresses, ImmutableArray<AddressPool> pools) =>
        [.. pools.Where(p => addresses.Any(a => p.Cidr.BaseAddress.AddressFamily == a.BaseAddress.AddressFamily
            && p.Cidr.Contains(a.BaseAddress)))];
}
