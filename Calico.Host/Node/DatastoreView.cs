using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Host.Node;

/// <summary>The few resources that the host itself looks at, kept from sync so that no answer waits for the store.</summary>
/// <remarks>One writer (the sync loop), any number of readers.</remarks>
public sealed class DatastoreView(string nodeName, TimeProvider time)
{
    private static readonly ImmutableHashSet<string> Kinds = ["IPPool", "Profile", "ClusterInformation", "FelixConfiguration", "IPReservation"];

    private readonly Lock _guard = new();
    private readonly Dictionary<ResourceKey, Resource> _resources = [];
    private SyncStatus _status = SyncStatus.WaitForStore;
    private long _revision;
    private long? _confirmedAt;

    /// <summary>Where sync is. The age is by the monotonic clock: a jump of the other makes no policy old.</summary>
    public (SyncStatus Status, long Revision, TimeSpan Age) Sync
    {
        get
        {
            lock (_guard)
            {
                return (_status, _revision, _confirmedAt is { } at ? time.GetElapsedTime(at) : TimeSpan.Zero);
            }
        }
    }

    /// <summary>False while the cluster is locked (<c>calicoctl datastore migrate lock</c>), and where a store that was read to its end says
    /// nothing of it: whoever set up the cluster did not finish, or somebody takes it down.</summary>
    public bool DatastoreReady
    {
        get
        {
            lock (_guard)
            {
                return _resources.TryGetValue(new("ClusterInformation", "", "default"), out var found)
                    ? found is not Resource<ClusterInformationSpec> { Spec.DatastoreReady: false }
                    : _status != SyncStatus.InSync;
            }
        }
    }

    public void Accept(SyncBatch batch)
    {
        lock (_guard)
        {
            (_status, _revision, _confirmedAt) = (batch.Status, batch.Revision, time.GetTimestamp());
            foreach (var update in batch.Updates.Where(IsKept))
            {
                if (update.Value is null || (update.Value is Resource<WorkloadEndpointSpec> endpoint && endpoint.Spec.Node != nodeName))
                {
                    _resources.Remove(update.Key);
                }
                else
                {
                    _resources[update.Key] = update.Value;
                }
            }
        }
    }

    /// <summary>All resources of a kind, in name order.</summary>
    public ImmutableArray<Resource> List(string kind)
    {
        lock (_guard)
        {
            return [.. _resources.Where(r => r.Key.Kind == kind).OrderBy(r => r.Key.Name, StringComparer.Ordinal).Select(r => r.Value)];
        }
    }

    public Resource? Find(ResourceKey key)
    {
        lock (_guard)
        {
            return _resources.GetValueOrDefault(key);
        }
    }

    /// <summary>This node's WorkloadEndpoints as the store has them.</summary>
    public ImmutableArray<Resource<WorkloadEndpointSpec>> OwnEndpoints
    {
        get
        {
            lock (_guard)
            {
                return [.. _resources.Values.OfType<Resource<WorkloadEndpointSpec>>()];
            }
        }
    }

    private bool IsKept(SyncUpdate update) =>
        Kinds.Contains(update.Key.Kind) || update.Key.Kind == "WorkloadEndpoint" || (update.Key.Kind == "Node" && update.Key.Name == nodeName);
}
