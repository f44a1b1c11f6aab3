using Calico.Datastore.Sync;

namespace Calico.Host.Node;

/// <summary>Is told all that sync tells, in order, by <see cref="DatastoreFollower"/>.</summary>
internal interface IStoreFollower
{
    /// <summary>At once: the next batch waits for it.</summary>
    /// <param name="batch">What changed.</param>
    /// <param name="before">Where sync was before it.</param>
    void Accept(SyncBatch batch, SyncStatus before);
}
