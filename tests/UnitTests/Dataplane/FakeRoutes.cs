using System.Net.Sockets;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Route;

namespace Calico.UnitTests.Dataplane;

/// <summary>A kernel that forgets all it is told: each listing finds what the test says is there.</summary>
internal sealed class FakeRoutes : IRoutes
{
    private readonly Queue<(string Request, Errno Errno)> _refusals = [];

    /// <summary>What was asked for, a batch each.</summary>
    public List<string[]> Sent { get; } = [];

    public List<LinkState> Links { get; } = [];

    public List<RouteEntry> Routes { get; } = [];

    /// <summary>Listings of routes that are interrupted before one is not.</summary>
    public int Interruptions { get; set; }

    public int Listings { get; private set; }

    /// <summary>Whether every refusal met its request.</summary>
    public bool HasRefusedAll => _refusals.Count == 0;

    public uint PortId => 1;

    /// <summary>The first request that says this is refused, once.</summary>
    public void Refuse(string request, Errno errno) => _refusals.Enqueue((request, errno));

    public RouteOutcome Send(RouteBatch batch)
    {
        string[] requests = [.. Enumerable.Range(0, batch.Count).Select(batch.Describe)];
        Sent.Add(requests);
        if (!_refusals.TryPeek(out var refusal)
            || Array.FindIndex(requests, r => r.Contains(refusal.Request, StringComparison.Ordinal)) is not (>= 0 and var at))
        {
            return new(batch.Count, []);
        }

        _refusals.Dequeue();
        return new(batch.Count, [new(at, requests[at], refusal.Errno, null)]);
    }

    public LinkState? FindLink(string name) => Links.Find(l => l.Name == name);

    public LinkState? FindLink(int index) => Links.Find(l => l.Index == index);

    public IReadOnlyList<LinkState> ListLinks() => Links;

    public IReadOnlyList<InterfaceAddress> ListAddresses(int linkIndex = 0, AddressFamily family = AddressFamily.Unspecified) => [];

    public IReadOnlyList<RouteEntry> ListRoutes(RouteFilter? filter = null)
    {
        Listings++;
        if (Interruptions > 0)
        {
            Interruptions--;
            throw new NetlinkInterruptedException("list routes");
        }

        return [.. Routes.Where(r => filter is null || ((filter.Protocol == default || r.Protocol == filter.Protocol)
            && (filter.Table == 0 || r.Table == filter.Table)
            && (filter.Family == AddressFamily.Unspecified || r.Destination.BaseAddress.AddressFamily == filter.Family)))];
    }

    public void Dispose()
    {
    }
}
