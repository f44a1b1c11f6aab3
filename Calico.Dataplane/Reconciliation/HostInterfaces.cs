using System.Collections.Concurrent;
using System.Net.Sockets;
using Calico.Datastore.Addresses;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux.Netlink;
using Calico.Linux.Route;

namespace Calico.Dataplane.Reconciliation;

/// <summary>The interfaces of the host that are no workload's, with their addresses: tells the calculation of them, for host
/// endpoints.</summary>
/// <remarks>Nothing is changed here. An interface is looked at when the kernel tells of it or of its addresses; all are read when something
/// may have been missed. Reads on the loop; <see cref="Concerns"/> from any thread.</remarks>
/// <param name="routes">Lists links and addresses.</param>
/// <param name="links">Host sides of pairs.</param>
/// <param name="options">Of the dataplane.</param>
internal sealed class HostInterfaces(IRoutes routes, KeptLinks links, DataplaneOptions options) : IReconciler
{
    // The others have addresses that are no addresses to us.
    private static readonly AddressFamily[] Families = [AddressFamily.InterNetwork, AddressFamily.InterNetworkV6];

    private readonly ConcurrentDictionary<int, string> _names = [];
    private CalculationGraph? _graph;
    private bool _isDoubted = true;

    public bool IsPolicyFree => true;

    /// <summary>Whom to tell; once, before the first turn.</summary>
    public void Tell(CalculationGraph graph) => _graph = graph;

    /// <summary>Whether a notice may change what was told: a link with another name, or an address of a link that is no
    /// workload's.</summary>
    public bool Concerns(RouteEvent change) => change switch
    {
        RouteEvent.LinkChanged { Removed: false } link => !IsWorkloads(link.Link.Name)
            && _names.GetValueOrDefault(link.Link.Index) != link.Link.Name,
        RouteEvent.AddressChanged address => links.Find(address.Address.LinkIndex) is null,
        _ => false,
    };

    /// <summary>Whether all of these that there are are up, with a carrier; null: none is there. One of all interfaces
    /// (<see cref="HostInterfaceUpdate.AllInterfaces"/>) is there, and no single one decides about it.</summary>
    public bool? AreUp(IEnumerable<string> names)
    {
        bool? all = null;
        foreach (var name in names)
        {
            if (name == HostInterfaceUpdate.AllInterfaces)
            {
                all ??= true;
            }
            else if (routes.FindLink(name) is { } link)
            {
                all = all != false && link is { IsUp: true, HasCarrier: true };
            }
        }

        return all;
    }

    public void Apply(DataplaneUpdate update)
    {
    }

    public void Doubt() => _isDoubted = true;

    public void Read()
    {
    }

    /// <summary>Why the host's interfaces are not known at the moment; null: they are. Host endpoints then stay where they were.</summary>
    public string? Problem { get; private set; }

    public Reconciled Commit(int refusals)
    {
        if (_isDoubted)
        {
            Try(ReadAll);
        }

        return Reconciled.Nothing;
    }

    public Reconciled Notice(RouteEvent change)
    {
        switch (change)
        {
            case RouteEvent.Lost:
                _isDoubted = true;
                break;
            case RouteEvent.LinkChanged { Removed: false } link when Concerns(change):
                Try(() => Look(link.Link.Index));
                break;
            case RouteEvent.AddressChanged address when Concerns(change):
                Try(() => Look(address.Address.LinkIndex));
                break;
            default:
                break;
        }

        return Reconciled.Nothing;
    }

    public void Withdraw(LocalEndpoint endpoint)
    {
    }

    public void Dispose() => routes.Dispose();

    /// <summary>A list that others' changes interrupt again and again holds up nothing else: it is read at the next turn.</summary>
    private void Try(Action read)
    {
        try
        {
            read();
            Problem = null;
        }
        catch (Exception e) when (e is NetlinkException or NetlinkFormatException)
        {
            _isDoubted = true;
            Problem = $"host endpoints: the host's interfaces cannot be read: {e.Message}";
        }
    }

    private void ReadAll()
    {
        var addresses = Families.SelectMany(family => routes.ListAddresses(0, family)).ToLookup(a => a.LinkIndex);
        var found = routes.ListLinks().Where(link => !IsWorkloads(link.Name)).ToList();
        foreach (var gone in _names.Keys.Except(found.Select(link => link.Index)).ToList())
        {
            Forget(gone);
        }

        foreach (var link in found)
        {
            Note(link, addresses[link.Index]);
        }

        _isDoubted = false;
    }

    private void Look(int index)
    {
        if (routes.FindLink(index) is not { } link || IsWorkloads(link.Name))
        {
            Forget(index);
        }
        else
        {
            Note(link, Families.SelectMany(family => routes.ListAddresses(index, family)));
        }
    }

    private void Note(LinkState link, IEnumerable<InterfaceAddress> addresses)
    {
        if (_names.TryGetValue(link.Index, out var former) && former != link.Name)
        {
            Forget(link.Index);
        }

        _names[link.Index] = link.Name;
        _graph?.SetInterface(link.Name, addresses.Select(a => Cidr.From(a.Address)));
    }

    /// <summary>Another link may have its name already.</summary>
    private void Forget(int index)
    {
        if (_names.TryRemove(index, out var name) && !_names.Values.Contains(name))
        {
            _graph?.RemoveInterface(name);
        }
    }

    private bool IsWorkloads(string name) => name.StartsWith(options.InterfacePrefix, StringComparison.Ordinal);
}
