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
///                 +-- slices of Services' endpoints --> ServiceEndpoints -----^
///                 +-- HostEndpoint --------> HostEndpoints -----------------> programs of the host's interfaces
///                 +-- IPAMBlock ----------> LocalRoutes --------------------> routes
///                 +-- IPPool -------------> PoolSets -----------------------> IP sets
///                 +-- FelixConfiguration -> NodeConfiguration --------------> settings
///   LocalEndpoint --> LocalEndpoints --> profiles, labels, routes ----------> endpoints
///   interfaces of the host --> HostEndpoints
/// </code>
/// Synchronous and deterministic: one thread calls it, nothing in it waits, and the same states give the same output in whatever
/// order and portions they came. Between two flushes only last states count.
/// </remarks>
public sealed class CalculationGraph
{
    private readonly PendingUpdates _pending = new();
    private readonly PoolSets _pools = new();
    private readonly IpSetMembers _sets = new();
    private readonly EndpointLabels _labels;
    private readonly ActivePolicies _policies;
    private readonly PolicySources _sources;
    private readonly RuleLists _ruleLists;
    private readonly LocalRoutes _localRoutes;
    private readonly LocalEndpoints _local;
    private readonly HostEndpoints _hosts;
    private readonly RemoteEndpoints _remote;
    private readonly NetworkSets _networkSets;
    private readonly NodeConfiguration _configuration;
    private readonly Dictionary<string, Action<SyncUpdate>> _appliers;

    /// <param name="nodeName">Of this node, as in the store.</param>
    /// <param name="followsServices">Slices of Services come among the updates. Otherwise nobody knows which endpoints a Service has: no
    /// rule allows by its name, and a policy that forbids by it denies.</param>
    public CalculationGraph(string nodeName, bool followsServices = false)
    {
        _sources = new(_sets, source => _ruleLists!.Touch(source), followsServices);
        _ruleLists = new(_sources, _pending.Lists);
        _policies = new(Touch);
        _labels = new(SetItem, RemoveItem);
        _localRoutes = new(nodeName, _pending.Routes);
        var programs = new EndpointPrograms(_policies, _ruleLists);
        _local = new(programs, _labels, () => _sets.EnforcedSelectors.Concat(_policies.EnforcedSelectors), _localRoutes,
            _pending.Endpoints);
        _hosts = new(nodeName, programs, _sources, _ruleLists, _labels, _pending.Interfaces);
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
            [Kinds.StagedNetworkPolicy.Name] = SetPolicy,
            [Kinds.StagedGlobalNetworkPolicy.Name] = SetPolicy,
            [Kinds.StagedKubernetesNetworkPolicy.Name] = SetPolicy,
            [Kinds.HostEndpoint.Name] = _hosts.Apply,
            [NetworkPolicyConversion.Kind] = SetPolicy,
            [ClusterNetworkPolicyConversion.Kind] = SetPolicy,
            [EndpointSliceConversion.Kind] = _sets.Services.Apply,
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

    private void Touch(ItemKey endpoint)
    {
        if (HostEndpoints.Owns(endpoint))
        {
            _hosts.Touch(endpoint);
        }
        else
        {
            _local.Touch(endpoint);
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

    /// <summary>An interface of this host that is no workload's, with its addresses: what host endpoints are matched with.</summary>
    public void SetInterface(string name, IEnumerable<Cidr> addresses) => _hosts.SetInterface(name, addresses);

    /// <summary>The interface is gone. Unknown: nothing happens.</summary>
    public void RemoveInterface(string name) => _hosts.RemoveInterface(name);

    /// <summary>Those interfaces, by name.</summary>
    public IEnumerable<(string Name, ImmutableArray<Cidr> Addresses)> Interfaces => _hosts.Interfaces;

    /// <summary>Names of this node's host endpoints, also of those that apply to no interface.</summary>
    public IEnumerable<string> HostEndpointNames => _hosts.Names;

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
        _hosts.Build();
        _ruleLists.Compose();
        var (setUpdates, setRemovals) = _sets.Take();
        var (pending, removals) = _pending.Take();
        var updates = ImmutableArray.CreateBuilder<DataplaneUpdate>();
        if (_configuration.Take() is { } settings)
        {
            updates.Add(settings);
        }

        updates.AddRange(_pools.Take());
        updates.AddRange(setUpdates);
        updates.AddRange(pending);
        updates.AddRange(removals);
        updates.AddRange(setRemovals);
        return updates.ToImmutable();
    }
}
