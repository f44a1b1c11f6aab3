using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Kubernetes;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Calculation;
using Calico.Felix.Labels;
using Calico.Felix.Output;

namespace Calico.Felix;

/// <summary>From what the store and the host say to what this node's kernel should hold.</summary>
/// <remarks>
/// <code>
///   SyncBatch ----+-- Tier, policies ------> ActivePolicies --> EndpointPrograms --> programs of endpoints
///                 +-- policies, Profile ---> PolicySources ----> RuleLists ---------> rule lists
///                 |      +-- labels -+              +-- asks --+
///                 +-- WorkloadEndpoint, network sets --> EndpointLabels --> IpSetMembers --> IP sets
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
    private readonly ActivePolicies _policies;
    private readonly PolicySources _sources;
    private readonly RuleLists _ruleLists;
    private readonly LocalRoutes _localRoutes;
    private readonly LocalEndpoints _local;
    private readonly RemoteEndpoints _remote;
    private readonly NetworkSets _networkSets;
    private readonly NodeConfiguration _configuration;
    private readonly Dictionary<string, Action<SyncUpdate>> _appliers;

    /// <param name="nodeName">Of this node, as in the store.</param>
    public CalculationGraph(string nodeName)
    {
        _sources = new(_sets, source => _ruleLists!.Touch(source));
        _ruleLists = new(_sources, _lists);
        _policies = new(endpoint => _local!.Touch(endpoint));
        _labels = new(SetItem, RemoveItem);
        _localRoutes = new(nodeName, _routes);
        _local = new(new(_policies, _ruleLists), _labels, () => _sets.Index.Selectors.Concat(_policies.Selectors), _localRoutes, _endpoints);
        _remote = new(nodeName, _labels);
        _networkSets = new(_labels);
        _configuration = new(nodeName);
        _appliers = new(StringComparer.Ordinal)
        {
            [Kinds.Profile.Name] = update =>
            {
                _labels.SetProfile(update.Key.Name, Kinds.Profile.TryRead(update, out var profile) ? profile.Spec.LabelsToApply : null);
                SetSource(update, ReadProfile.Read);
            },
            [Kinds.Tier.Name] = update => _policies.Tiers.Set(update.Key.Name, TierOrder.Read(update)),
            [Kinds.NetworkPolicy.Name] = SetPolicy,
            [Kinds.GlobalNetworkPolicy.Name] = SetPolicy,
            [NetworkPolicyConversion.Kind] = SetPolicy,
            [ClusterNetworkPolicyConversion.Kind] = SetPolicy,
            [Kinds.NetworkSet.Name] = _networkSets.Apply,
            [Kinds.GlobalNetworkSet.Name] = _networkSets.Apply,
            [Kinds.WorkloadEndpoint.Name] = _remote.Apply,
            [Kinds.IpPool.Name] = _pools.Apply,
            [Kinds.IpamBlock.Name] = _localRoutes.ApplyBlock,
            [Kinds.FelixConfiguration.Name] = _configuration.Apply,
        };
    }

    private static bool IsGone(SyncUpdate update) => update.Value is null && update.Error is null;

    private void SetPolicy(SyncUpdate update)
    {
        var policy = ReadPolicy.Read(update);
        if (policy is not { } read)
        {
            // First nobody is led to it, then it goes.
            _policies.Remove(update.Key);
            _sources.Remove(update.Key);
            return;
        }

        _sources.Set(read.Text);
        _policies.Set(read.Place);
    }

    private void SetSource(SyncUpdate update, Func<SyncUpdate, PolicyText> read)
    {
        if (IsGone(update))
        {
            _sources.Remove(update.Key);
        }
        else
        {
            _sources.Set(read(update));
        }
    }

    /// <summary>Whatever has labels can be named by a rule; a policy applies to endpoints of this node.</summary>
    private void SetItem(LabeledItem? before, LabeledItem item)
    {
        _sets.Index.Set(before, item);
        if (item.Key.IsLocal)
        {
            _policies.Set(before, item);
        }
    }

    private void RemoveItem(LabeledItem item)
    {
        _sets.Index.Remove(item);
        if (item.Key.IsLocal)
        {
            _policies.Remove(item);
        }
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

    /// <summary>Whose addresses an IP set in force holds: the selector, and the named port; null: there is no such set.</summary>
    public string? DescribeSet(string id) => _sets.Describe(id);

    /// <summary>What has changed since the last call, in an order in which each can be applied: settings, IP sets, lists that ask them,
    /// endpoints that name those, routes; then what is gone, the other way round.</summary>
    public ImmutableArray<DataplaneUpdate> Flush()
    {
        if (!InSync)
        {
            return [];
        }

        _local.Build();
        _ruleLists.Compose();
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
