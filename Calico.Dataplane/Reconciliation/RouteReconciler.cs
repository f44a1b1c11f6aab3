using Calico.Datastore.Addresses;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Route;

namespace Calico.Dataplane.Reconciliation;

/// <summary>This node's routes: to its workloads, and nowhere for the rest of its blocks.</summary>
/// <remarks>
/// Others write here too. The wiring adds a workload's route in the send that makes the link, so whoever comes second finds it there.
/// The kernel deletes routes with their link. BIRD writes its own, under its own protocol number, and for a workload that moved here
/// it may still hold the same destination: ours takes its place. Only routes of our protocol number are ever deleted, and of those not
/// the ones of a link that is wired but not published yet. Which link an endpoint's is says <see cref="KeptLinks"/>: by name it may be a
/// stranger's.
/// </remarks>
internal sealed class RouteReconciler(IRoutes socket, DataplaneOptions options, LinkLedger ledger, KeptLinks kept) : IReconciler
{
    private readonly RouteProtocol _protocol = new((byte)options.RouteProtocol);

    private readonly WantedRoutes _wanted = new(ledger);

    private bool _isDoubted = true;
    private bool _isCompared;

    public bool IsPolicyFree => false;

    /// <summary>Whose notices are our own doing.</summary>
    public uint PortId => socket.PortId;

    public void Apply(DataplaneUpdate update)
    {
        switch (update)
        {
            case RouteUpdate route:
                _wanted.Want(route.Destination, route.InterfaceName);
                break;
            case RouteRemove route:
                _wanted.GiveUp(route.Destination);
                break;
            default:
                break;
        }
    }

    public void Doubt() => _isDoubted = true;

    public void Read()
    {
    }

    public Reconciled Commit(int refusals)
    {
        if (_isDoubted)
        {
            Resync();
            (_isDoubted, _isCompared) = (false, true);
        }

        Commit();
        return Reconciled.Nothing;
    }

    public Reconciled Notice(RouteEvent change)
    {
        switch (change)
        {
            case RouteEvent.Lost:
                Doubt();
                break;
            case RouteEvent.LinkChanged { Removed: false, Link.IsUp: false } link:
                // The kernel took its routes away and tells of none of them (fib_sync_down_dev).
                ledger.ForgetRoutes(kept.Find(link.Link.Index)?.Name ?? link.Link.Name, link.Link.Index);
                break;
            case RouteEvent.LinkChanged { Removed: false } link when _isCompared:
                Notice(link.Link);
                break;
            case RouteEvent.RouteChanged { Removed: false } route when TakePlaceOf(route.Route):
                return Reconciled.Of(
                    $"route {route.Route.Destination}, in whose place was {route.Route} of protocol {route.Route.Protocol}");
            case RouteEvent.RouteChanged { Removed: true } route when Notice(route.Route) && _isCompared:
                return Reconciled.Of($"route {route.Route.Destination}");
            default:
                break;
        }

        return Reconciled.Nothing;
    }

    /// <summary>Takes away at once what a workload had, while what is wanted is not known yet.</summary>
    public void Withdraw(LocalEndpoint endpoint)
    {
        using var batch = new RouteBatch();
        foreach (var address in endpoint.Addresses)
        {
            Delete(batch, Cidr.From(address));
        }

        Send(batch);
    }

    public void Dispose() => socket.Dispose();

    /// <summary>Writes what was touched since the last time.</summary>
    private void Commit()
    {
        if (_wanted.Touched.Count == 0)
        {
            return;
        }

        using var batch = new RouteBatch();
        foreach (var destination in _wanted.Touched)
        {
            if (!_wanted.TryGet(destination, out var name))
            {
                Delete(batch, destination);
            }
            else if (name is null || !ledger.HasRoute(name, destination))
            {
                Write(batch, destination, name);
            }
        }

        Send(batch);
        _wanted.Settle();
    }

    /// <summary>Compares everything with the kernel: adds what is missing, deletes what nobody wants.</summary>
    private void Resync()
    {
        var links = socket.ListLinks().Where(IsOwn).ToDictionary(NameOf, l => l.Index, StringComparer.Ordinal);
        var there = new HashSet<Cidr>();
        using var batch = new RouteBatch();
        foreach (var route in socket.ListRoutes(new() { Table = RouteTableNumber.Main, Protocol = _protocol }))
        {
            var destination = Cidr.From(route.Destination);
            if (_wanted.TryGet(destination, out var name)
                && (name is null ? route.Kind == RouteKind.Blackhole : links.GetValueOrDefault(name) == route.LinkIndex))
            {
                there.Add(destination);
            }
            else if (!ledger.HasLink(route.LinkIndex))
            {
                batch.DeleteRoute(route);
            }
        }

        foreach (var (destination, name) in _wanted.All)
        {
            if (!there.Contains(destination) && (name is null || links.ContainsKey(name)))
            {
                Write(batch, destination, name);
            }
        }

        Send(batch);
        _wanted.Settle();
    }

    /// <summary>A route of ours is gone.</summary>
    /// <returns>Whether it was wanted, and is there again.</returns>
    private bool Notice(RouteEntry route)
    {
        var destination = Cidr.From(route.Destination);
        ledger.ForgetRoute(route.LinkIndex, destination);
        if (!_wanted.TryGet(destination, out var name))
        {
            return false;
        }

        using var batch = new RouteBatch();
        Write(batch, destination, name);
        Send(batch);
        return batch.Count > 0;
    }

    /// <summary>Whether a route that somebody wrote may have taken the place of one of ours, or stand before it. From any thread.</summary>
    public bool IsInTheWay(RouteEntry route) => route.Table == RouteTableNumber.Main && _wanted.Contains(Cidr.From(route.Destination));

    /// <summary>Somebody wrote a route of the same destination: "replace" puts it in the place of ours and tells of no removal, and one
    /// with a lower metric (IPv6: ours has the kernel's 1024) or put before ours is preferred. Ours is written at that metric.</summary>
    /// <returns>Whether it was another's.</returns>
    private bool TakePlaceOf(RouteEntry route)
    {
        var destination = Cidr.From(route.Destination);
        // The notice does not say whether it was put before or behind; a listing has them in the order in which they are tried.
        if (!_wanted.TryGet(destination, out var name) || IsOurs(route, name)
            || socket.ListRoutes(new() { Family = route.Destination.BaseAddress.AddressFamily, Table = RouteTableNumber.Main })
                .FirstOrDefault(r => r.Destination.Equals(route.Destination)) is not { } first || IsOurs(first, name))
        {
            return false;
        }

        if (name is not null)
        {
            ledger.ForgetRoute(name, destination);
        }

        using var batch = new RouteBatch();
        if (LinkOf(name) is { } own)
        {
            // It may stand behind the other, and the kernel would not write it twice.
            batch.DeleteRoute(new() { Destination = destination.ToNetwork(), LinkIndex = own.Index, Protocol = _protocol });
        }

        Write(batch, destination, name, first.Metric);
        Send(batch);
        return batch.Count > 0;
    }

    private LinkState? LinkOf(string? name) => name is null ? null : kept.Find(name) is { } own ? socket.FindLink(own.Index)
        : socket.FindLink(name);

    private bool IsOurs(RouteEntry route, string? name) => route.Protocol == _protocol && (name is null ? route.Kind == RouteKind.Blackhole
        : route.Kind == RouteKind.Unicast && route.LinkIndex == LinkOf(name)?.Index);

    /// <summary>A link has come: routes that waited for it can be written.</summary>
    private void Notice(LinkState link)
    {
        using var batch = new RouteBatch();
        foreach (var destination in IsOwn(link) ? _wanted.Of(NameOf(link)) : [])
        {
            if (!ledger.HasRoute(NameOf(link), destination))
            {
                Write(batch, destination, link);
            }
        }

        Send(batch);
    }

    private void Write(RouteBatch batch, Cidr destination, string? name, uint metric = 0)
    {
        if (name is null)
        {
            batch.ReplaceRoute(new() { Destination = destination.ToNetwork(), Kind = RouteKind.Blackhole, Protocol = _protocol,
                Metric = metric });
        }
        else if (LinkOf(name) is { IsUp: true } link)
        {
            Write(batch, destination, link, metric);
        }
    }

    private string NameOf(LinkState link) => kept.Find(link.Index)?.Name ?? link.Name;

    /// <summary>Not a stranger's that has the name of one that is kept.</summary>
    private bool IsOwn(LinkState link) => kept.Find(link.Name) is not { } own || own.Index == link.Index
        || kept.Find(link.Index) is not null;

    // Whatever link it is of.
    private void Delete(RouteBatch batch, Cidr destination) =>
        batch.DeleteRoute(new() { Destination = destination.ToNetwork(), Kind = RouteKind.Unspecified, Protocol = _protocol });

    private void Write(RouteBatch batch, Cidr destination, LinkState link, uint metric = 0) =>
        batch.ReplaceRoute(new() { Destination = destination.ToNetwork(), LinkIndex = link.Index, Protocol = _protocol, Metric = metric });

    private void Send(RouteBatch batch)
    {
        if (batch.Count > 0)
        {
            // Gone already (with its link), or the link went between the look and the write: its own notice follows.
            socket.Execute(batch, Errno.NoProcess, Errno.NoEntry, Errno.NoDevice, Errno.NetworkDown, Errno.NetworkUnreachable);
        }
    }
}
