using System.Net;
using System.Net.Sockets;
using Calico.Dataplane.Workloads;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Calico.Linux.Sysctls;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Gateways of links that were handed over stay addresses of the host's loopback, whatever policy says, and the kernel answers for
/// them.</summary>
/// <remarks>Who else changes them: whoever flushes <c>lo</c> (network daemons do, at their start), and sysctl scripts that harden a host
/// with arp_ignore. The kernel takes the larger one of a link's arp_ignore and that of all links, so ours cannot allow what that forbids.
/// </remarks>
internal sealed class GatewayReconciler(IRoutes socket, KeptLinks kept, HostNetwork network) : IReconciler
{
    private const string ArpIgnore = "net/ipv4/conf/all/arp_ignore";

    private bool _isDoubted;

    public bool IsPolicyFree => true;

    /// <summary>Why workloads whose links were handed over do not find their gateway; null: they do, or there are none.</summary>
    public string? Problem { get; private set; }

    public void Apply(DataplaneUpdate update)
    {
    }

    public void Doubt() => _isDoubted = true;

    public void Read()
    {
    }

    public Reconciled Commit(int refusals)
    {
        if (!_isDoubted)
        {
            return Reconciled.Nothing;
        }

        var found = Assert();
        _isDoubted = false;
        return found;
    }

    public Reconciled Notice(RouteEvent change) => change switch
    {
        RouteEvent.AddressChanged { Address.LinkIndex: HostGateways.LoopbackIndex } => Assert(),
        RouteEvent.Lost => Assert(),
        _ => Reconciled.Nothing,
    };

    public void Withdraw(LocalEndpoint endpoint)
    {
    }

    public void Dispose() => socket.Dispose();

    private Reconciled Assert()
    {
        var wanted = kept.All.Select(l => l.HandedOverGateway).OfType<IPAddress>().ToHashSet();
        Problem = wanted.Count == 0 ? null : network.Run(WhyNoAnswer);
        if (wanted.Count == 0)
        {
            return Reconciled.Nothing;
        }

        wanted.ExceptWith(socket.ListAddresses(HostGateways.LoopbackIndex, AddressFamily.InterNetwork).Select(a => a.Address));
        if (wanted.Count == 0)
        {
            return Reconciled.Nothing;
        }

        using var batch = new RouteBatch();
        foreach (var missing in wanted)
        {
            batch.AddAddress(HostGateways.AddressOf(missing));
        }

        // A join may have given it at the same moment.
        socket.Execute(batch, Errno.Exists);
        return new([.. wanted.Order(Comparer<IPAddress>.Create((a, b) => a.ToString().CompareTo(b.ToString(), StringComparison.Ordinal)))
            .Select(a => $"gateway {a} on lo")], false);
    }

    private static string? WhyNoAnswer() => NetworkSysctls.Read(ArpIgnore) is { } value && value != "0"
        ? $"net.ipv4.conf.all.arp_ignore is {value}: workloads whose links were handed over (Docker's) get no answer for their gateway and "
            + "reach nothing until somebody does 'sysctl -w net.ipv4.conf.all.arp_ignore=0'"
        : null;
}
