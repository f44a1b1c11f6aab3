using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Felix.Output;

namespace Calico.Felix.Calculation;

/// <summary>What should be told and was not yet, of everything that is known by a key.</summary>
internal sealed class PendingUpdates
{
    public Delta<string, RuleListUpdate> Lists { get; } = new();

    public Delta<WorkloadEndpointId, EndpointUpdate> Endpoints { get; } = new();

    public Delta<string, HostInterfaceUpdate> Interfaces { get; } = new();

    public Delta<Cidr, RouteUpdate> Routes { get; } = new();

    /// <summary>Takes it all: lists before whoever asks them, removals the other way round.</summary>
    public (IEnumerable<DataplaneUpdate> Updates, IEnumerable<DataplaneUpdate> Removals) Take()
    {
        var (lists, listRemovals) = Take(Lists);
        var (endpoints, endpointRemovals) = Take(Endpoints);
        var (interfaces, interfaceRemovals) = Take(Interfaces);
        var (routes, routeRemovals) = Take(Routes);
        ImmutableArray<DataplaneUpdate> updates = [.. lists, .. endpoints, .. interfaces, .. routes];
        ImmutableArray<DataplaneUpdate> removals =
        [
            .. routeRemovals.Select(destination => new RouteRemove(destination)),
            .. interfaceRemovals.Select(name => new HostInterfaceRemove(name)),
            .. endpointRemovals.Select(id => new EndpointRemove(id)),
            .. listRemovals.Select(id => new RuleListRemove(id)),
        ];
        return (updates, removals);
    }

    /// <summary>What is new or differs from what was told, and what was told and is gone; both in the order of the keys' text, so that the
    /// same change always gives the same output.</summary>
    private static (List<TValue> Updated, List<TKey> Removed) Take<TKey, TValue>(Delta<TKey, TValue> delta) where TKey : notnull
    {
        var changes = delta.Changes.OrderBy(c => c.Key.ToString(), StringComparer.Ordinal).ToList();
        delta.Settle();
        return ([.. changes.Where(c => c.Is).Select(c => c.Desired!)], [.. changes.Where(c => !c.Is).Select(c => c.Key)]);
    }
}
