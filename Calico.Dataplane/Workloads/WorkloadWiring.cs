using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Addresses;
using Calico.Linux;
using Calico.Linux.Namespaces;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Calico.Linux.Sysctls;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Calico.Dataplane.Workloads;

/// <summary>Makes and unmakes workloads' pairs: two sends, about half a millisecond.</summary>
/// <remarks>
/// Facts it rests on:
/// the peer is made inside its namespace at once, because moving a link costs 20 ms;
/// we choose the indexes, so that the host's routes ride in the send that makes the link;
/// a batch is no transaction: what stood before the first failure is undone by deleting the pair, which takes the rest along;
/// the neighbour entry for the gateway is permanent, so that the first packet waits for no ARP and no proxy_arp is needed;
/// equal MACs at both ends would give both the same IPv6 link-local address, so the host side's is fixed and the workload's never it;
/// deleting waits for a grace period, so the workload's side is renamed and the pair left to the <see cref="LinkReaper"/>.
/// Safe from any thread; pairs are made one after the other (the kernel has one lock for all of it anyway).
/// </remarks>
public sealed partial class WorkloadWiring : IAsyncDisposable
{
    /// <summary>Indexes below are left to the kernel, which counts from 1.</summary>
    private const int FirstIndex = 1 << 20;
    private const int LastIndex = 1 << 30;

    /// <summary>A name that is taken may be a leftover's: it is removed and the pair tried again, twice.</summary>
    private const int Attempts = 3;

    private readonly HostNetwork _network;
    private readonly DataplaneOptions _options;
    private readonly LinkLedger _ledger;
    private readonly KeptLinks _links;
    private readonly DataplaneLoop _loop;
    private readonly RouteSocket _socket;
    private readonly LinkReaper _reaper;
    private readonly HostIpv6 _ipv6;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private int _nextIndex;

    public WorkloadWiring(DataplaneLoop loop, HostNetwork network, DataplaneOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        (_network, _options, _ledger, _links, _loop) = (network, options, loop.Ledger, loop.Links, loop);
        _socket = network.Run(() => RouteSocket.Open());
        // Not the reaper's: that a link has gone at last is news.
        loop.IgnoreDoingsOf(_socket.PortId);
        _reaper = new(network.Run(() => RouteSocket.Open()), options, time, loggers.CreateLogger<LinkReaper>());
        _ipv6 = new(network);
        // A restarted process must not begin where its predecessor did; pairs take two, the host's even.
        _nextIndex = Random.Shared.Next(FirstIndex, LastIndex) & ~1;
    }

    /// <summary>Makes the pair, the host's routes to it, and the workload's side. A pair of that name that is ours is replaced.</summary>
    /// <returns>The host side's index.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/> the interface exists in the namespace;
    /// <see cref="Problem.NotFound"/> the namespace is gone; <see cref="Problem.Refused"/> the kernel said no, with its text. Nothing is
    /// left behind.</exception>
    public async Task<int> WireAsync(WiringRequest request, CancellationToken ct)
    {
        if (_reaper.IsPending(request.HostInterface))
        {
            await _reaper.FlushAsync(ct);
        }

        for (var attempt = 1; ; attempt++)
        {
            bool reaps;
            await _turn.WaitAsync(ct);
            try
            {
                if (TryWire(request, attempt, out var index, out reaps))
                {
                    return index;
                }
            }
            finally
            {
                _turn.Release();
            }

            if (reaps)
            {
                await _reaper.FlushAsync(ct);
            }
        }
    }

    /// <summary>Takes the pair away as far as names and traffic go; the link itself is reaped later. Gone already: success.</summary>
    /// <param name="hostInterface">Host side.</param>
    /// <param name="peerInterface">The workload's side.</param>
    /// <param name="namespacePath">Where its namespace was; null or another there now: its side keeps its name until reaped.</param>
    /// <param name="namespaceInode">Which namespace it has to be.</param>
    /// <param name="ct">Cancels the wait for other wirings.</param>
    public async Task UnwireAsync(string hostInterface, string peerInterface, string? namespacePath, ulong namespaceInode,
        CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            Unwire(hostInterface, peerInterface, namespacePath, namespaceInode);
        }
        finally
        {
            _turn.Release();
        }
    }

    private void Unwire(string hostInterface, string peerInterface, string? namespacePath, ulong namespaceInode)
    {
        try
        {
            var found = FindHostSide(hostInterface);
            _links.Take(hostInterface);
            if (found is not { } link)
            {
                _ledger.Remove(hostInterface);
                DeleteMoved(hostInterface, peerInterface, namespacePath, namespaceInode);
                return;
            }

            HidePeer(link, peerInterface, namespacePath, namespaceInode);
            using var batch = new RouteBatch();
            foreach (var route in RoutesOf(link))
            {
                batch.DeleteRoute(route);
            }
            // Left up: it is in no map and has no route, and taking it down would cost 4 ms of waiting.
            batch.ChangeLink(new() { Index = link.Index, Group = _options.ReapGroup });
            _socket.Execute(batch, Errno.NoDevice, Errno.NoProcess);
            _reaper.Take(hostInterface);
        }
        catch (NetlinkException e)
        {
            throw Refused($"take away {hostInterface}", e);
        }
    }

    /// <summary>Takes a link away that no endpoint has.</summary>
    /// <param name="hostInterface">Host side.</param>
    /// <param name="isOwned">Asked once more when no wiring is under way: a new endpoint may have got the name meanwhile.</param>
    /// <param name="ct">Cancels the wait for other wirings.</param>
    /// <returns>Whether it was taken.</returns>
    public async Task<bool> TakeOrphanAsync(string hostInterface, Func<string, bool> isOwned, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(isOwned);
        await _turn.WaitAsync(ct);
        try
        {
            if (isOwned(hostInterface))
            {
                return false;
            }

            Unwire(hostInterface, "", null, 0);
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Whether a link of that name is there and not on its way out.</summary>
    public bool LinkExists(string hostInterface)
    {
        if (_reaper.IsPending(hostInterface))
        {
            return false;
        }

        _turn.Wait();
        try
        {
            return FindHostSide(hostInterface) is { } link && link.Group != _options.ReapGroup;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Whether a link of that name is there, not on its way out, and its other end is in the open namespace. Neither a namespace's
    /// inode nor its name says so: both are used again.</summary>
    public bool LeadsTo(string hostInterface, SafeFileHandle openNamespace)
    {
        _turn.Wait();
        try
        {
            return FindHostSide(hostInterface) is { } link && link.Group != _options.ReapGroup && LeadsTo(link, openNamespace);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>After a restart: links that a former process wired are kept as they were; a renamed one is known by its alias.</summary>
    public void Adopt(IEnumerable<WiringRequest> wired)
    {
        _turn.Wait();
        try
        {
            var links = _socket.ListLinks().Where(l => l.Kind == "veth" && l.Group != _options.ReapGroup).ToList();
            // What its alias does not tell any more the route that the wiring wrote to its address does.
            var routes = new Lazy<ILookup<int, IPNetwork>>(() =>
                _socket.ListRoutes(new() { Table = RouteTableNumber.Main, Protocol = new((byte)_options.RouteProtocol) })
                .ToLookup(r => r.LinkIndex, r => r.Destination));
            foreach (var request in wired)
            {
                var link = links.Find(l => l.Name == request.HostInterface)
                    ?? links.Find(l => l.Group == _options.LinkGroup
                        && l.Alias.StartsWith(request.HostInterface + " ", StringComparison.Ordinal))
                    ?? links.Find(l => l.Group == _options.LinkGroup && routes.Value[l.Index].Any(request.Addresses.Contains));
                if (link is not null)
                {
                    Keep(request, link.Index);
                }
            }
        }
        finally
        {
            _turn.Release();
        }

        _loop.LookAtLinks();
    }

    /// <summary>Names of the links with our prefix, or made by us, that are not on their way out.</summary>
    public ImmutableArray<string> ListLinks()
    {
        _turn.Wait();
        try
        {
            return [.. _socket.ListLinks()
                .Where(l => l.Kind == "veth" && l.Group != _options.ReapGroup
                    && (l.Group == _options.LinkGroup || l.Name.StartsWith(_options.InterfacePrefix, StringComparison.Ordinal)))
                .Select(l => _links.Find(l.Index)?.Name ?? l.Name)];
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _reaper.DisposeAsync();
        _socket.Dispose();
        _ipv6.Dispose();
        _turn.Dispose();
    }

    /// <summary>The kernel walks its whole table for the routes of one link; those that this process wrote it knows. What the loop added
    /// it has taken away when the endpoint was withdrawn.</summary>
    private IEnumerable<RouteEntry> RoutesOf(LinkState link)
    {
        var protocol = new RouteProtocol((byte)_options.RouteProtocol);
        return _ledger.Take(link.Name, link.Index) is { } routes
            ? routes.Select(r => new RouteEntry { Destination = r.ToNetwork(), LinkIndex = link.Index, Protocol = protocol,
                Kind = RouteKind.Unspecified })
            : _socket.ListRoutes(new() { LinkIndex = link.Index, Protocol = protocol });
    }

    /// <returns>False: try again, after the reaper where <paramref name="reaps"/> says so.</returns>
    private bool TryWire(WiringRequest request, int attempt, out int index, out bool reaps)
    {
        reaps = false;
        index = _nextIndex = _nextIndex + 2 < LastIndex ? _nextIndex + 2 : FirstIndex;
        if (_links.Take(request.HostInterface) is { } former)
        {
            // Whatever it is called by now.
            _socket.Execute(b => b.DeleteLink(former.Index), Errno.NoDevice);
        }

        var hasIpv6 = _ipv6.WillBeOn(request);
        // Meanwhile the kernel makes the pair.
        var opening = BeginInside(request);
        try
        {
            if (WiringMessages.HasIpv6(request))
            {
                // The workload's side takes over what its namespace says of IPv6 when it is made.
                opening?.Wait();
            }

            using var batch = WiringMessages.HostSide(request, index, _options, hasIpv6);
            _ledger.Add(request.HostInterface, index, new([.. request.Addresses.Select(Cidr.From)]));
            var outcome = _socket.Send(batch);
            if (!outcome.Succeeded(0))
            {
                _ledger.Remove(request.HostInterface, index);
                reaps = ClearTheWay(request, attempt, outcome);
                return false;
            }

            outcome.ThrowIfFailed();
            if (hasIpv6)
            {
                _ipv6.RefuseAdvertisements(request.HostInterface);
            }

            if (opening?.Wait() is { } inside)
            {
                using var workload = WiringMessages.WorkloadSide(request, index + 1);
                inside.Execute(workload);
                using var neighbours = WiringMessages.Neighbours(request, index);
                _socket.Execute(neighbours);
            }

            Keep(request, index);
            return true;
        }
        catch (RouteBatchException e) when (attempt == 1 && request.Namespace is not null && e.Failure.Errno == Errno.Exists)
        {
            // The former life in this namespace still waits for the reaper: its peer gave its name away, not its routes.
            Undo(request, index);
            reaps = true;
            return false;
        }
        catch (Exception e) when (e is NetlinkException or NamespaceException or IOException)
        {
            Undo(request, index);
            throw Refused($"wire {request.HostInterface} for {request.Id}", e);
        }
        finally
        {
            Close(opening);
        }
    }

    private void Keep(WiringRequest request, int index) => _links.Add(
        WiringMessages.Kept(request, index));

    /// <summary>The link that was wired under this name, whatever it is called now.</summary>
    private LinkState? FindHostSide(string hostInterface) =>
        (_links.Find(hostInterface) is { } kept ? _socket.FindLink(kept.Index) : null) ?? _socket.FindLink(hostInterface);

    private void Undo(WiringRequest request, int index)
    {
        _ledger.Remove(request.HostInterface, index);
        _socket.Execute(b => b.DeleteLink(index), Errno.NoDevice);
    }

    /// <summary>The pair itself was refused: is something of ours in its way?</summary>
    /// <returns>Whether the reaper may have it.</returns>
    private bool ClearTheWay(WiringRequest request, int attempt, RouteOutcome outcome)
    {
        var failure = outcome.Failures[0];
        if (attempt == Attempts || failure.Errno is not (Errno.Exists or Errno.Busy))
        {
            throw Refused($"make {request.HostInterface} for {request.Id}", new RouteBatchException(failure, outcome));
        }

        if (failure.Errno == Errno.Busy)
        {
            // The index was taken; the next attempt has another.
            return false;
        }

        if (_socket.FindLink(request.HostInterface) is { } leftover)
        {
            _socket.Execute(b => b.DeleteLink(leftover.Index), Errno.NoDevice);
            return false;
        }

        return attempt == 1 ? true : throw new CalicoException(Problem.AlreadyExists,
            $"interface {request.PeerInterface} exists in the workload's namespace already and is not ours to replace",
            "placement.interfaceName");
    }

    /// <summary>Makes the settings of the workload's namespace, and a socket in it; null: there is no namespace yet.</summary>
    private NamespaceVisit<RouteSocket>? BeginInside(WiringRequest request) => request.Namespace is null
        ? null
        : _network.Broker.Begin(request.Namespace, () =>
        {
            if (WiringMessages.HasIpv6(request))
            {
                // Runtimes turn IPv6 off where their own network has none. "all" is the default of new links too (addrconf_disable_ipv6).
                Settle("net/ipv6/conf/all/disable_ipv6", "0");
            }

            if (request.AllowForwarding)
            {
                Settle("net/ipv4/ip_forward", "1");
                if (WiringMessages.HasIpv6(request))
                {
                    Settle("net/ipv6/conf/all/forwarding", "1");
                }
            }

            return RouteSocket.OpenBrief();
        });

    /// <summary>Right after use: an open socket would keep the namespace, and the pair, alive.</summary>
    private static void Close(NamespaceVisit<RouteSocket>? opening)
    {
        try
        {
            opening?.Wait().Dispose();
        }
        catch (Exception e) when (e is NetlinkException or NamespaceException or IOException)
        {
            // Nothing is open. If it mattered, it was told where the socket was needed; if not, something else had failed before.
        }
    }

    /// <summary>A successor in the same namespace must find the name free, before the reaper comes round.</summary>
    private static void Rename(RouteSocket inside, int index, string name)
    {
        // Up as it is: taking it down costs 4 ms of waiting. Before Linux 6.2 that is refused, and it has to come down first.
        var outcome = inside.Execute(b => b.ChangeLink(new() { Index = index, Name = name }), Errno.NoDevice, Errno.Busy);
        if (outcome.IsSuccess || outcome.Failures[0].Errno != Errno.Busy)
        {
            return;
        }

        inside.Execute(b =>
        {
            b.ChangeLink(new() { Index = index, Up = false });
            b.ChangeLink(new() { Index = index, Name = name });
        }, Errno.NoDevice);
    }

    /// <summary>A pair whose host side somebody took to another namespace is deleted by its other end, which wears the index that it was
    /// made with: nothing of ours judges what would go through it.</summary>
    private void DeleteMoved(string hostInterface, string peerInterface, string? namespacePath, ulong namespaceInode)
    {
        if (_links.TakeMoved(hostInterface) is not { } index || namespacePath is null || namespaceInode == 0)
        {
            return;
        }

        try
        {
            using var file = NetworkNamespaceFile.Open(namespacePath);
            if (file.Identity.Inode != namespaceInode)
            {
                return;
            }

            using var inside = _network.Broker.Run(file, RouteSocket.OpenBrief);
            if (inside.FindLink(peerInterface) is { Kind: "veth" } peer && peer.Index == index + 1)
            {
                inside.Execute(b => b.DeleteLink(peer.Index), Errno.NoDevice);
            }
        }
        catch (NamespaceException)
        {
            // Gone, and the pair with it.
        }
    }

    private void HidePeer(LinkState link, string peerInterface, string? namespacePath, ulong namespaceInode)
    {
        if (namespacePath is null || namespaceInode == 0)
        {
            return;
        }

        try
        {
            using var file = NetworkNamespaceFile.Open(namespacePath);
            if (file.Identity.Inode != namespaceInode || !LeadsTo(link, file.Descriptor))
            {
                return;
            }

            using var inside = _network.Broker.Run(file, RouteSocket.OpenBrief);
            if (inside.FindLink(peerInterface) is { } peer && peer.Index == link.PeerIndex)
            {
                Rename(inside, peer.Index, $"gone{peer.Index:x}");
            }
        }
        catch (NamespaceException)
        {
            // The namespace is gone, and its links are or will be.
        }
    }

    private bool LeadsTo(LinkState link, SafeFileHandle openNamespace) =>
        link.PeerNamespaceId is { } id && _socket.FindNamespaceId(openNamespace) == id;

    /// <summary>Writes only what is otherwise: /proc/sys may be read-only where nothing has to be changed.</summary>
    private static void Settle(string key, string value)
    {
        if (NetworkSysctls.Read(key) != value)
        {
            NetworkSysctls.Write(key, value);
        }
    }

    private static CalicoException Refused(string what, Exception cause) =>
        new(cause is NamespaceException ? Problem.NotFound : Problem.Refused, $"{what}: {cause.Message}", inner: cause);
}
