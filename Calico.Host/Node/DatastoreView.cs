using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;

namespace Calico.Host.Node;

/// <summary>The few resources that the host itself looks at, kept from sync so that no answer waits for the store.</summary>
/// <remarks>One writer (the sync loop), any number of readers.</remarks>
internal sealed class DatastoreView(string nodeName, TimeProvider time)
{
    /// <summary>The kinds that the host itself looks at.</summary>
    public static ImmutableHashSet<string> KeptKinds { get; } =
    [
        Kinds.IpPool.Name, Kinds.Profile.Name, Kinds.ClusterInformation.Name, Kinds.FelixConfiguration.Name, Kinds.IpReservation.Name,
        Kinds.WorkloadEndpoint.Name, Kinds.Node.Name,
    ];

    private readonly Lock _guard = new();
    private readonly Dictionary<ResourceKey, SyncUpdate> _known = [];
    private readonly Dictionary<ResourceKey, string> _unusable = [];
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

    /// <summary>False while the cluster is locked (<c>calicoctl datastore migrate lock</c>), while nobody can tell, and where a store that
    /// was read to its end says nothing of it: whoever set up the cluster did not finish, or somebody takes it down.</summary>
    public bool DatastoreReady => Find(Kinds.ClusterInformation.Key("default")) is { } found
        ? Kinds.ClusterInformation.TryRead(found, out var information) && information.Spec.DatastoreReady != false
        : Sync.Status != SyncStatus.InSync;

    /// <summary>What stands in the store and cannot be used, of whatever kind, with the reason.</summary>
    public ImmutableArray<(ResourceKey Key, string Reason)> Unusable
    {
        get
        {
            lock (_guard)
            {
                return [.. _unusable.Select(u => (u.Key, u.Value)).OrderBy(u => u.Key.ToString(), StringComparer.Ordinal)];
            }
        }
    }

    public void Accept(SyncBatch batch)
    {
        lock (_guard)
        {
            (_status, _revision, _confirmedAt) = (batch.Status, batch.Revision, time.GetTimestamp());
            foreach (var update in batch.Updates)
            {
                Keep(update);
            }
        }
    }

    /// <summary>The usable resources of a kind, in name order.</summary>
    public ImmutableArray<Resource<TSpec>> List<TSpec>(ResourceKind<TSpec> kind) where TSpec : class, new()
    {
        lock (_guard)
        {
            return kind.Among(_known.Values.Where(u => kind.Owns(u.Key)).OrderBy(u => u.Key.Name, StringComparer.Ordinal)
                .Select(u => u.Value).OfType<Resource>());
        }
    }

    /// <summary>What sync last told of a key; the same object until it tells something else. Null: nothing stands there. Without a
    /// value: something does, and cannot be used.</summary>
    public SyncUpdate? Find(ResourceKey key)
    {
        lock (_guard)
        {
            return _known.GetValueOrDefault(key);
        }
    }

    /// <summary>This node's WorkloadEndpoints as the store has them, by their key there: what a value says of its own name is not asked.
    /// </summary>
    public ImmutableArray<KeyValuePair<ResourceKey, Resource<WorkloadEndpointSpec>>> OwnEndpoints
    {
        get
        {
            lock (_guard)
            {
                return [.. _known.Values.SelectMany(update => Kinds.WorkloadEndpoint.TryRead(update, out var endpoint)
                ? [KeyValuePair.Create(update.Key, endpoint)] : Array.Empty<KeyValuePair<ResourceKey, Resource<WorkloadEndpointSpec>>>())];
            }
        }
    }

    private void Keep(SyncUpdate update)
    {
        if (update.Error is not null)
        {
            _unusable[update.Key] = update.Error;
        }
        else if (_unusable.Count > 0)
        {
            _unusable.Remove(update.Key);
        }

        if ((update.Value is not null || update.Error is not null) && IsKept(update))
        {
            _known[update.Key] = update;
        }
        else
        {
            _known.Remove(update.Key);
        }
    }

    private bool IsKept(SyncUpdate update) => KeptKinds.Contains(update.Key.Kind)
        && (!Kinds.Node.Owns(update.Key) || update.Key.Name == nodeName)
        && (!Kinds.WorkloadEndpoint.Owns(update.Key) || Kinds.WorkloadEndpoint.TryRead(update, out var endpoint)
            && endpoint.Spec.Node == nodeName);
}
