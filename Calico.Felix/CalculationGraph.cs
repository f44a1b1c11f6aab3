using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Calculation;
using Calico.Felix.Labels;
using Calico.Felix.Output;

namespace Calico.Felix;

/// <summary>From what the store and the host say to what this node's kernel should hold.</summary>
/// <remarks>
/// <code>
///   SyncBatch ----+-- Profile -------------> ActiveProfiles ----> rule lists
///                 |      +-- labels -+              +-- asks --+
///                 +-- WorkloadEndpoint --> EndpointLabels --> IpSetMembers --> IP sets
///                 +-- IPAMBlock ----------> LocalRoutes --------------------> routes
///                 +-- IPPool -------------> PoolSets -----------------------> IP sets
///                 +-- FelixConfiguration -> NodeConfiguration --------------> settings
///   LocalEndpoint --> LocalEndpoints --> profiles, labels, routes ----------> endpoints
/// </code>
/// Synchronous and deterministic: one thread calls it, nothing in it waits, and the same states give the same output in whatever
/// order and portions they came. Between two flushes only last states count.
/// </remarks>
public sealed class CalculationGraph
{
    private readonly Delta<string, RuleListUpdate> _lists = new();
    private readonly Delta<WorkloadEndpointId, EndpointUpdate> _endpoints = new();
    private readonly Delta<Cidr, RouteUpdate> _routes = new();
    private readonly PoolSets _pools = new();
    private readonly IpSetMembers _sets = new();
    private readonly EndpointLabels _labels;
    private readonly ActiveProfiles _profiles;
    private readonly LocalRoutes _localRoutes;
    private readonly LocalEndpoints _local;
    private readonly RemoteEndpoints _remote;
    private readonly NodeConfiguration _configuration;
    private readonly Dictionary<string, Action<SyncUpdate>> _appliers;

    /// <param name="nodeName">Of this node, as in the store.</param>
    public CalculationGraph(string nodeName)
    {
        _labels = new(_sets.Index.Set, _sets.Index.Remove);
        _profiles = new(_sets, _lists);
        _localRoutes = new(nodeName, _routes);
        _local = new(_profiles, _labels, _sets, _localRoutes, _endpoints);
        _remote = new(nodeName, _labels);
        _configuration = new(nodeName);
        _appliers = new(StringComparer.Ordinal)
        {
            [Kinds.Profile.Name] = update =>
            {
                _labels.SetProfile(update.Key.Name, Kinds.Profile.TryRead(update, out var profile) ? profile.Spec.LabelsToApply : null);
                _profiles.Apply(update);
            },
            [Kinds.WorkloadEndpoint.Name] = _remote.Apply,
            [Kinds.IpPool.Name] = _pools.Apply,
            [Kinds.IpamBlock.Name] = _localRoutes.ApplyBlock,
            [Kinds.FelixConfiguration.Name] = _configuration.Apply,
        };
    }

    /// <summary>The kinds that the graph takes; all others are passed over.</summary>
    public IEnumerable<string> AppliedKinds => _appliers.Keys;

    /// <summary>Whether the store has been read once to its end. Until then <see cref="Flush"/> is empty: what is not known yet must not
    /// be taken for absent.</summary>
    public bool InSync { get; private set; }

    /// <summary>Store revision up to which everything has been applied.</summary>
    public long Revision { get; private set; }

    /// <summary>Applies changes of the store. Kinds that nothing here asks are passed over.</summary>
    public void Apply(SyncBatch batch)
    {
        foreach (var update in batch.Updates)
        {
            if (_appliers.TryGetValue(update.Key.Kind, out var apply))
            {
                apply(update);
            }
        }
        Revision = Math.Max(Revision, batch.Revision);
        InSync |= batch.Status == SyncStatus.InSync;
    }

    /// <summary>Adds an endpoint of this node, or replaces its state.</summary>
    public void Set(LocalEndpoint endpoint) => _local.Set(endpoint);

    /// <summary>Removes an endpoint of this node. Unknown: nothing happens.</summary>
    public void Remove(WorkloadEndpointId id) => _local.Remove(id);

    /// <summary>What has changed since the last call, in an order in which each can be applied: settings, IP sets, lists that ask them,
    /// endpoints that name those, routes; then what is gone, the other way round.</summary>
    public ImmutableArray<DataplaneUpdate> Flush()
    {
        if (!InSync)
        {
            return [];
        }
        _local.Gate();
        var (setUpdates, setRemovals) = _sets.Take();
        var (lists, listRemovals) = Take(_lists);
        var (endpoints, endpointRemovals) = Take(_endpoints);
        var (routes, routeRemovals) = Take(_routes);
        var updates = ImmutableArray.CreateBuilder<DataplaneUpdate>();
        if (_configuration.Take() is { } settings)
        {
            updates.Add(settings);
        }
        updates.AddRange(_pools.Take());
        updates.AddRange(setUpdates);
        updates.AddRange(lists);
        updates.AddRange(endpoints);
        updates.AddRange(routes);
        updates.AddRange(routeRemovals.Select(d => new RouteRemove(d)));
        updates.AddRange(endpointRemovals.Select(id => new EndpointRemove(id)));
        updates.AddRange(listRemovals.Select(id => new RuleListRemove(id)));
        updates.AddRange(setRemovals);
        return updates.ToImmutable();
    }

    /// <summary>What is new or differs from what was told, and what was told and is gone; both in the order of the keys' text, so that the same
    /// change always gives the same output.</summary>
    private static (List<TValue> Updated, List<TKey> Removed) Take<TKey, TValue>(Delta<TKey, TValue> delta) where TKey : notnull
    {
        var changes = delta.Changes.OrderBy(c => c.Key.ToString(), StringComparer.Ordinal).ToList();
        delta.Settle();
        return ([.. changes.Where(c => c.Is).Select(c => c.Desired!)], [.. changes.Where(c => !c.Is).Select(c => c.Key)]);
    }
}
