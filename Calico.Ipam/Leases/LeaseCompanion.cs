using System.Collections.Immutable;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>What has to be written in the transaction that claims or frees addresses: the endpoint in the store, its intent in the log.
/// </summary>
/// <param name="Store">Puts and deletes of other keys than IPAM's. With a dead store they are journalled and done later, in order.</param>
/// <param name="Log">Writes of the node log, of other sections than <c>ipam/</c>.</param>
public sealed record LeaseCompanion(ImmutableArray<StoreOperation> Store, ImmutableArray<NodeLogWrite> Log)
{
    /// <summary>Puts and deletes: what can be done later too.</summary>
    public ImmutableArray<StoreOperation> Store { get; } = Store.All(o => o is StoreOperation.Put or StoreOperation.Delete) ? Store
        : throw new ArgumentException("a companion puts or deletes keys, one by one", nameof(Store));

    /// <summary>Nothing.</summary>
    public static LeaseCompanion None { get; } = new([], []);
}

/// <summary>A companion, and what it was made of: the caller gets it back with the leases that it was made for.</summary>
/// <param name="Made">The caller's, such as the record that is among the writes.</param>
/// <param name="Writes">What is written along.</param>
public sealed record LeaseCompanion<T>(T Made, LeaseCompanion Writes);
