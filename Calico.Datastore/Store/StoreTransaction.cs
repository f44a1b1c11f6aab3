using System.Collections.Immutable;

namespace Calico.Datastore.Store;

/// <summary>etcd's transaction: when every comparison holds, <paramref name="Success"/> is done, else <paramref name="Failure"/>;
/// each wholly and at one revision.</summary>
public sealed record StoreTransaction(ImmutableArray<StoreCompare> Compares, ImmutableArray<StoreOperation> Success,
    ImmutableArray<StoreOperation> Failure)
{
    /// <summary>Unconditional.</summary>
    public StoreTransaction(params ReadOnlySpan<StoreOperation> operations) : this([], [.. operations], []) { }
}
