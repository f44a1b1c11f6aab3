using System.Collections.Concurrent;
using Calico.Datastore.Addresses;
using Calico.Felix;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Pairs that this process has wired or is wiring, and their routes: the loop must not take for strays what is wired but not
/// published yet, nor write again what stands already.</summary>
internal sealed class LinkLedger
{
    private readonly ConcurrentDictionary<string, (int Index, EquatableArray<Cidr> Routes)> _links = new(StringComparer.Ordinal);

    /// <summary>A pair is about to be made, with these routes in the same send. Noted before it: what is compared or written meanwhile
    /// must know the link, and leave the routes to the wiring.</summary>
    public void Add(string name, int index, EquatableArray<Cidr> routes) => _links[name] = (index, routes);

    /// <summary>The kernel told that a route of a link is gone: whoever wants it has to write it.</summary>
    public void ForgetRoute(int index, Cidr destination)
    {
        foreach (var (name, link) in _links)
        {
            if (link.Index == index)
            {
                ForgetRoute(name, destination);
            }
        }
    }

    /// <summary>A link went down: it has no routes until they are written again.</summary>
    public void ForgetRoutes(string name, int index)
    {
        if (_links.TryGetValue(name, out var link) && link.Index == index)
        {
            _links.TryUpdate(name, (index, []), link);
        }
    }

    /// <summary>A route of a link was taken away or given to another.</summary>
    public void ForgetRoute(string name, Cidr destination)
    {
        if (_links.TryGetValue(name, out var link) && link.Routes.Contains(destination))
        {
            _links.TryUpdate(name, (link.Index, new([.. link.Routes.Items.Where(r => r != destination)])), link);
        }
    }

    public void Remove(string name) => _links.TryRemove(name, out _);

    /// <summary>A link is gone; a new one may have its name already.</summary>
    public void Remove(string name, int index)
    {
        if (_links.TryGetValue(name, out var link) && link.Index == index)
        {
            _links.TryRemove(KeyValuePair.Create(name, link));
        }
    }

    /// <summary>The routes of a pair that is being taken away, or null if another process made it.</summary>
    public EquatableArray<Cidr>? Take(string name, int index) =>
        _links.TryGetValue(name, out var link) && link.Index == index
            && _links.TryRemove(KeyValuePair.Create(name, link)) ? link.Routes : null;

    public bool HasLink(int index) => _links.Values.Any(l => l.Index == index);

    /// <summary>Whether the wiring of this interface put the route there.</summary>
    public bool HasRoute(string name, Cidr destination) => _links.TryGetValue(name, out var link) && link.Routes.Contains(destination);
}
