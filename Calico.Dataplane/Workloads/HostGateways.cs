using System.Net;
using System.Net.Sockets;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Calico.Linux.Sysctls;

namespace Calico.Dataplane.Workloads;

/// <summary>Gateways of links whose other end its owner configures (dockerd): addresses of the host's loopback.</summary>
/// <remarks>
/// Such an end has no neighbour entry of ours, so it asks for its gateway by ARP. A host without a default route proxies no answer to that;
/// for an address of its own the kernel answers on every interface. Scope host: it is no source of anything that leaves the host.
/// Safe from any thread.
/// </remarks>
public sealed class HostGateways(HostNetwork network)
{
    /// <summary>net/core/dev.h: the first device of every namespace.</summary>
    internal const int LoopbackIndex = 1;

    /// <summary>Makes the host answer for a gateway. Idempotent. Before the link is wired: from then on a gateway that is missing is one
    /// that somebody took away.</summary>
    /// <param name="gateway">Of the link's other end.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Refused"/>: the kernel said no.</exception>
    public void Answer(IPAddress gateway)
    {
        try
        {
            using var batch = new RouteBatch();
            batch.AddAddress(AddressOf(gateway));
            // A socket for each call: it comes with every Join, and costs less than the rest of it by far.
            using var socket = network.Run(RouteSocket.OpenBrief);
            socket.Execute(batch, Errno.Exists);
        }
        catch (NetlinkException e)
        {
            throw new CalicoException(Problem.Refused, $"give the host's loopback the gateway {gateway}: {e.Message}", inner: e);
        }
    }

    /// <summary>Makes the host answer a link's questions for others at once. Where that cannot be said it answers late.</summary>
    /// <param name="hostInterface">The link's host side.</param>
    public void Hasten(string hostInterface) => network.Run(() => TryHasten(hostInterface));

    /// <summary>As it stands on the loopback.</summary>
    internal static InterfaceAddress AddressOf(IPAddress gateway) =>
        new() { LinkIndex = LoopbackIndex, Address = gateway, PrefixLength = 32, Scope = RouteScope.Host };

    /// <summary>Those that stand, of whatever process.</summary>
    public static IReadOnlyList<InterfaceAddress> Leftovers(RouteSocket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return [.. socket.ListAddresses(LoopbackIndex, AddressFamily.InterNetwork)
            .Where(a => a.PrefixLength == 32 && a.Scope == RouteScope.Host && a.Address.GetAddressBytes() is [169, 254, 1, >= 1 and <= 8])];
    }

    /// <summary>An end whose addresses come from another IPAM asks for its neighbours by ARP, and the kernel waits up to 0.8 s before it
    /// answers in their place (proxy_delay). Where /proc/sys cannot be written it goes on waiting; its first packet is late, none is lost.
    /// </summary>
    private static bool TryHasten(string hostInterface)
    {
        try
        {
            NetworkSysctls.Write($"net/ipv4/neigh/{hostInterface}/proxy_delay", "0");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
