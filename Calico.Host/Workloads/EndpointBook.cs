using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Calico.Host.Workloads;

/// <summary>The endpoints of this node, and the locks that order what happens to each.</summary>
/// <remarks>Lock order: an endpoint's lock, then its namespace group's, then its addresses' in their order. Nobody holds two endpoints'
/// locks.</remarks>
internal sealed class EndpointBook
{
    private readonly ConcurrentDictionary<WorkloadEndpointId, EndpointLife> _lives = new();
    private readonly ConcurrentDictionary<string, WorkloadEndpointId> _interfaces = new();

    public KeyedLocks<WorkloadEndpointId> Locks { get; } = new();

    public KeyedLocks<string> GroupLocks { get; } = new();

    /// <summary>Who gets an address that no lease keeps from being given twice.</summary>
    public KeyedLocks<IPAddress> AddressLocks { get; } = new();

    public int Count => _lives.Count;

    public ImmutableArray<EndpointLife> All => [.. _lives.Values];

    public bool TryFind(WorkloadEndpointId id, [NotNullWhen(true)] out EndpointLife? life) => _lives.TryGetValue(id, out life);

    /// <summary>The endpoint that has a host-side interface.</summary>
    public bool TryFindByInterface(string hostInterface, out WorkloadEndpointId id) => _interfaces.TryGetValue(hostInterface, out id);

    /// <summary>Gives a name to an endpoint that is being made, unless another has it. It keeps it until it is removed, or given back.
    /// </summary>
    public bool TryTake(string hostInterface, WorkloadEndpointId id) => _interfaces.GetOrAdd(hostInterface, id) == id;

    /// <summary>The endpoint was not made.</summary>
    public void GiveBack(string hostInterface, WorkloadEndpointId id) => _interfaces.TryRemove(new(hostInterface, id));

    /// <summary>Whether an endpoint other than <paramref name="id"/> has the MAC.</summary>
    public bool HasMac(string mac, WorkloadEndpointId id) => _lives.Values.Any(l => l.Record.Mac == mac && l.Record.Id != id);

    /// <summary>The endpoint that has an address.</summary>
    public WorkloadEndpointId? WhoHas(IPAddress address)
    {
        var text = EndpointDraft.HostNetwork(address).ToString();
        return _lives.Values.FirstOrDefault(l => l.Record.Addresses.Contains(text))?.Record.Id;
    }

    /// <summary>The endpoint that has an address from another IPAM, of which no lease tells. Whose a leased address is, the ledger says: it
    /// frees one a moment before the endpoint that had it goes from here.</summary>
    public WorkloadEndpointId? WhoHasUnleased(IPAddress address)
    {
        var text = EndpointDraft.HostNetwork(address).ToString();
        return _lives.Values.FirstOrDefault(l => l.Record.Addresses.Contains(text)
            && l.Record.Leases.All(e => !IPAddress.Parse(e.Address).Equals(address)))?.Record.Id;
    }

    public IEnumerable<EndpointLife> InGroup(string group) =>
        group.Length == 0 ? [] : _lives.Values.Where(l => l.Record.Group == group);

    public void Add(EndpointLife life)
    {
        // A name that another has stays the other's: the log of a former version may tell of two.
        _interfaces.TryAdd(life.Record.HostInterface, life.Record.Id);
        _lives[life.Record.Id] = life;
    }

    public void Remove(EndpointLife life)
    {
        _lives.TryRemove(new(life.Record.Id, life));
        _interfaces.TryRemove(new(life.Record.HostInterface, life.Record.Id));
    }
}
