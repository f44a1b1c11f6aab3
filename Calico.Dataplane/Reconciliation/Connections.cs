using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Reconciliation;

/// <summary>The kernel's.</summary>
internal sealed class Connections : IConnections
{
    private readonly IConntrack _socket;
    private readonly IRoutes _routes;
    private readonly ConnectionCutter _cutter;
    private readonly ConnectionReview _review;

    /// <param name="socket">Owned from now on, as the next.</param>
    /// <param name="routes">Tells the host's addresses.</param>
    /// <param name="policy">That connections are put to.</param>
    /// <param name="onLoop">Runs a question there.</param>
    /// <param name="time">For pauses.</param>
    /// <param name="logger">Of the loop.</param>
    /// <exception cref="CalicoException">The kernel does not list connections.</exception>
    public Connections(IConntrack socket, IRoutes routes, RulesetTranslator policy,
        Func<Func<object>, CancellationToken, Task<object>> onLoop,
        TimeProvider time, ILogger logger)
    {
        (_socket, _routes) = (socket, routes);
        AskForConnections();
        _cutter = new(socket, time, logger);
        _review = new(socket, routes, policy, onLoop, time, logger);
    }

    public void Begin(IEnumerable<Cidr> living) => _cutter.Begin(living);

    public void Sweep(IEnumerable<Cidr> free) => _cutter.Sweep(free);

    public void Cut(IReadOnlyCollection<Cidr> addresses) => _cutter.Take(addresses);

    public void Finish(IEnumerable<Cidr> addresses) => _cutter.Finish(addresses);

    public void JudgeAgain() => _review.Ask();

    public async ValueTask DisposeAsync()
    {
        await _review.DisposeAsync();
        await _cutter.DisposeAsync();
        _socket.Dispose();
        _routes.Dispose();
    }

    /// <summary>What only a kernel that lists connections can do: end those of a freed address, and judge those that began in a gap.
    /// </summary>
    private void AskForConnections()
    {
        try
        {
            _socket.List(ConntrackTuplePart.OriginalSource, System.Net.IPAddress.Any);
        }
        catch (NetlinkException e) when (e is not NetlinkInterruptedException)
        {
            throw new CalicoException(Problem.Unsupported,
                "dataplane: this kernel does not list connections, CONFIG_NF_CT_NETLINK (modprobe nf_conntrack_netlink); "
                + $"without it the next owner of an address would inherit the former one's, so no workload is connected ({e.Message})",
                inner: e);
        }
    }
}
