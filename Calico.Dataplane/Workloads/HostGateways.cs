using System.Net;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Route;

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
    private const int LoopbackIndex = 1;

    /// <summary>Makes the host answer for a gateway. Idempotent.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Refused"/>: the kernel said no.</exception>
    public void Ensure(IPAddress gateway)
    {
        try
        {
            using var batch = new RouteBatch();
            batch.AddAddress(new() { LinkIndex = LoopbackIndex, Address = gateway, PrefixLength = 32, Scope = RouteScope.Host });
            // A socket for each call: it comes with every Join, and costs less than the rest of it by far.
            using var socket = network.Run(RouteSocket.OpenBrief);
            socket.Execute(batch, Errno.Exists);
        }
        catch (NetlinkException e)
        {
            throw new CalicoException(Problem.Refused, $"give the host's loopback the gateway {gateway}: {e.Message}", inner: e);
        }
    }
}
