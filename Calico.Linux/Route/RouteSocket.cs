using System.Collections.Immutable;
using System.Net.Sockets;
using Calico.Linux.Netlink;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Route;

/// <summary>Links, addresses, routes, rules and neighbours of one network namespace: that of the thread which opened the socket.</summary>
/// <remarks>
/// To work in another namespace, open one there: <c>broker.Run(ns, () => RouteSocket.Open())</c>. An open socket keeps its
/// namespace and the links in it alive. Safe to call from any thread; requests go one after the other, as the kernel's rtnl lock
/// would have it anyway.
/// </remarks>
public sealed class RouteSocket : IRoutes
{
    /// <summary>Acks of one send wait in the receive buffer, about 800 bytes each as the kernel counts them.</summary>
    private const int RequestsPerSend = 1000;

    private const int BufferBytes = 4 * 1024 * 1024;

    private readonly NetlinkSocket _socket;
    private readonly NetlinkWriter _query = new(256);

    /// <summary>Guards <see cref="_socket"/> and <see cref="_query"/>: an answer belongs to the request before it.</summary>
    private readonly Lock _exchange = new();

    private RouteSocket(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens a socket in the network namespace of the calling thread. Changing things needs CAP_NET_ADMIN there.</summary>
    public static RouteSocket Open(TimeSpan? receiveTimeout = null)
    {
        var socket = NetlinkSocket.Open(NetlinkFamily.Route, receiveTimeout, BufferBytes);
        try
        {
            socket.FilterDumpsInKernel();
            return new RouteSocket(socket);
        }
        catch (NetlinkException)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="Open"/>, for a handful of requests and no listings: cheap enough to be made for one workload.</summary>
    public static RouteSocket OpenBrief() => new(NetlinkSocket.Open(NetlinkFamily.Route, isBrief: true));

    /// <summary>For <see cref="RouteEventStream.IgnoreDoingsOf"/>.</summary>
    public uint PortId => _socket.PortId;

    /// <summary>Sends the batch in one sendmsg (in one per thousand requests) and reads what the kernel refused.</summary>
    /// <remarks>The kernel works a send off in order, answers each refusal whether asked to or not, and only the last request of a send is
    /// to be acknowledged: when its answer has come, the others' have.</remarks>
    /// <exception cref="NetlinkException">The exchange itself failed; what the kernel did is not known.</exception>
    public RouteOutcome Send(RouteBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var failures = ImmutableArray.CreateBuilder<RouteFailure>();
        lock (_exchange)
        {
            var first = _socket.ReserveSequences(batch.Count);
            batch.Number(first);
            for (var start = 0; start < batch.Count; start += RequestsPerSend)
            {
                var end = Math.Min(start + RequestsPerSend, batch.Count);
                batch.AcknowledgeOnly(start, end);
                _socket.Send(batch.Written[batch.OffsetOf(start)..batch.OffsetOf(end)], batch.Describe(start));
                ReadAcks(batch, first, start, end, failures);
            }
        }

        failures.Sort((a, b) => a.Index.CompareTo(b.Index));
        return new RouteOutcome(batch.Count, failures.DrainToImmutable());
    }

    /// <summary>The link of that name, or null.</summary>
    public LinkState? FindLink(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return FindLink(0, name, $"get link {name}");
    }

    /// <summary>The link of that index, or null.</summary>
    public LinkState? FindLink(int index) => FindLink(index, null, $"get link {index}");

    /// <summary>The link of that name.</summary>
    /// <exception cref="NetlinkException"><see cref="Errno.NoDevice"/>.</exception>
    public LinkState GetLink(string name) => FindLink(name) ?? throw new NetlinkException((int)Errno.NoDevice, $"get link {name}");

    /// <summary>The number by which this namespace knows another, as in <see cref="LinkState.PeerNamespaceId"/>; null: it has none, so no
    /// link of this one leads there. The number is given again when that namespace is gone: it means something only while the descriptor
    /// is open, compared with a link that was asked for meanwhile.</summary>
    public int? FindNamespaceId(SafeFileHandle descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        int? found = null;
        lock (_exchange)
        {
            var sequence = _socket.NextSequence();
            _query.Clear();
            RouteQueries.NamespaceId(_query, sequence, descriptor);
            _socket.Ask(_query, sequence, "get the number of a namespace", (in NetlinkMessage message) =>
            {
                var attributes = message.Attributes<GeneralHeader>();
                while (attributes.TryRead(out var a))
                {
                    if (a.Type == RouteQueries.NETNSA_NSID && a.I32 >= 0)
                    {
                        found = a.I32;
                    }
                }
            });
        }

        GC.KeepAlive(descriptor);
        return found;
    }

    /// <summary>All links, without their counters.</summary>
    public IReadOnlyList<LinkState> ListLinks() => List("list links", RouteQueries.Links, RouteMessages.RTM_NEWLINK, LinkState.Read);

    /// <summary>Addresses, of one link when <paramref name="linkIndex"/> is not 0.</summary>
    public IReadOnlyList<InterfaceAddress> ListAddresses(int linkIndex = 0, AddressFamily family = AddressFamily.Unspecified) =>
        List("list addresses", (query, sequence) => RouteQueries.Addresses(query, sequence, linkIndex, family),
            RouteMessages.RTM_NEWADDR, InterfaceAddress.Read);

    /// <summary>Routes of the main and other tables; cached clones left out.</summary>
    public IReadOnlyList<RouteEntry> ListRoutes(RouteFilter? filter = null)
    {
        filter ??= new RouteFilter();
        try
        {
            return List("list routes", (query, sequence) => RouteQueries.Routes(query, sequence, filter), RouteMessages.RTM_NEWROUTE,
                (in NetlinkMessage m) => (m.ReadStruct<RouteHeader>().Flags & RouteEntry.RTM_F_CLONED) != 0 ? null
                    : Matching(RouteEntry.Read(m), filter));
        }
        catch (NetlinkException e) when (e.Errno == Errno.NoEntry && filter.Table != 0)
        {
            // A table that no route was ever put into does not exist: it has none.
            return [];
        }
    }

    public IReadOnlyList<RoutingRule> ListRules(AddressFamily family = AddressFamily.Unspecified) => List("list rules",
        (query, sequence) => RouteQueries.Rules(query, sequence, family), RouteMessages.RTM_NEWRULE, RoutingRule.Read);

    /// <summary>Neighbour entries, of one link when <paramref name="linkIndex"/> is not 0.</summary>
    public IReadOnlyList<NeighbourEntry> ListNeighbours(int linkIndex = 0) => List("list neighbours",
        (query, sequence) => RouteQueries.Neighbours(query, sequence, linkIndex), RouteMessages.RTM_NEWNEIGH, NeighbourEntry.Read);

    /// <summary>The forwarding table of a VXLAN device.</summary>
    public IReadOnlyList<ForwardingEntry> ListForwarding(int linkIndex) => List("list forwarding entries",
        (query, sequence) => RouteQueries.Forwarding(query, sequence, linkIndex), RouteMessages.RTM_NEWNEIGH, ForwardingEntry.Read);

    public void Dispose()
    {
        _socket.Dispose();
        _query.Dispose();
    }

    private delegate T? ReadMessage<T>(in NetlinkMessage message) where T : class;

    private List<T> List<T>(string what, Action<NetlinkWriter, uint> write, ushort answer, ReadMessage<T> read) where T : class
    {
        lock (_exchange)
        {
            return NetlinkSocket.Retry(() =>
            {
                var found = new List<T>();
                var sequence = _socket.NextSequence();
                _query.Clear();
                write(_query, sequence);
                _socket.Dump(_query, sequence, what, (in NetlinkMessage message) =>
                {
                    if (message.Type == answer && read(message) is { } item)
                    {
                        found.Add(item);
                    }
                });
                return found;
            });
        }
    }

    private LinkState? FindLink(int index, string? name, string what)
    {
        LinkState? found = null;
        lock (_exchange)
        {
            var sequence = _socket.NextSequence();
            _query.Clear();
            RouteQueries.Link(_query, sequence, index, name);
            try
            {
                _socket.Ask(_query, sequence, what, (in NetlinkMessage message) => found = LinkState.Read(message));
            }
            catch (NetlinkException e) when (e.Errno == Errno.NoDevice)
            {
                return null;
            }
        }

        return found;
    }

    /// <summary>Kernels before 5.0 ignore the filter of a dump, so it is applied here once more.</summary>
    private static RouteEntry? Matching(RouteEntry route, RouteFilter filter) =>
        (filter.Table == 0 || route.Table == filter.Table)
        && (filter.Protocol.Number == 0 || route.Protocol == filter.Protocol)
        && (filter.Kind == RouteKind.Unspecified || route.Kind == filter.Kind)
        && (filter.LinkIndex == 0 || route.LinkIndex == filter.LinkIndex) ? route : null;

    private void ReadAcks(RouteBatch batch, uint first, int start, int end, ImmutableArray<RouteFailure>.Builder failures)
    {
        var isLast = false;
        while (!isLast)
        {
            var reader = new NetlinkReader(_socket.Receive(batch.Describe(start)));
            while (reader.TryRead(out var message))
            {
                var index = (long)message.Sequence - first;
                if (message.Type != NetlinkMessage.Error || index < start || index >= end)
                {
                    continue;
                }

                isLast |= index == end - 1;
                var answer = KernelAnswer.Read(message);
                if (answer.Errno != 0)
                {
                    failures.Add(new RouteFailure((int)index, batch.Describe((int)index), (Errno)answer.Errno, answer.Text));
                }
            }
        }
    }
}
