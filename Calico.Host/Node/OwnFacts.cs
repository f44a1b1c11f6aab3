using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Workloads;
using Calico.Ipam;

namespace Calico.Host.Node;

/// <summary>Notices in what the store's watch tells that facts of this node are gone: its Node, an endpoint, addresses in a block.
/// </summary>
/// <remarks>The store's loss of our facts is not the loss of the facts: what the node log says is written again
/// (<see cref="StoreUpkeep"/>). Handles, affinities and the host marker are not followed; a transaction that misses one says so, or the
/// comparison of each minute.</remarks>
internal sealed class OwnFacts(string nodeName, EndpointBook book, NodeIpam ipam) : IStoreFollower
{
    private volatile bool _isLost;

    /// <summary>Whether something was lost since it was last asked.</summary>
    public bool TakeLoss()
    {
        var isLost = _isLost;
        _isLost = false;
        return isLost;
    }

    void IStoreFollower.Accept(SyncBatch batch, SyncStatus before) => _isLost |= Observe(batch) && before == SyncStatus.InSync;

    /// <summary>Looks through a batch, before anybody acts on it.</summary>
    /// <returns>Whether upkeep has something to do at once.</returns>
    public bool Observe(SyncBatch batch)
    {
        var isLost = false;
        foreach (var update in batch.Updates)
        {
            isLost |= update.Key switch
            {
                var key when Kinds.Node.Owns(key) => key.Name == nodeName && IsDeleted(update),
                var key when Kinds.WorkloadEndpoint.Owns(key) => IsDeleted(update) && book.All.Any(l => !l.IsEnding && IsOf(l.Record, key)),
                var key when Kinds.IpamBlock.Owns(key) => (update.Value is not null || IsDeleted(update))
                    && ipam.Observe(key.Name, Kinds.IpamBlock.TryRead(update, out var block) ? block.Spec : null),
                _ => false,
            };
        }

        return isLost;
    }

    /// <summary>A value that cannot be read is not a deletion.</summary>
    private static bool IsDeleted(SyncUpdate update) => update is { Value: null, Error: null };

    private bool IsOf(EndpointRecord record, ResourceKey key) =>
        record.Namespace == key.Namespace && WorkloadEndpointResource.Name(record, nodeName) == key.Name;
}
