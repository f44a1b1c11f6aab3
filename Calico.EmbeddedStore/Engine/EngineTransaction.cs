using Calico.Datastore.Store;

namespace Calico.EmbeddedStore.Engine;

/// <summary>etcd's transaction over raw keys.</summary>
internal sealed record EngineTransaction(IReadOnlyList<EngineCompare> Compares, IReadOnlyList<EngineOperation> Success,
    IReadOnlyList<EngineOperation> Failure)
{
    public EngineTransaction(EngineOperation operation) : this([], [operation], []) { }
}

/// <summary>A comparison; with an interval of several keys it must hold for every key there.</summary>
internal sealed record EngineCompare(KeyInterval Keys, CompareTarget Target, CompareResult Result, long Number, ReadOnlyMemory<byte> Value);

/// <summary>An operation.</summary>
internal abstract record EngineOperation
{
    private EngineOperation() { }

    /// <summary>Writes a key; <see cref="KeepValue"/> and <see cref="KeepLease"/> take that part from what is there.</summary>
    internal sealed record Put(byte[] Key, byte[] Value, long Lease, bool KeepValue = false, bool KeepLease = false) : EngineOperation;

    internal sealed record Delete(KeyInterval Keys) : EngineOperation;

    internal sealed record Range(RangeQuery Query) : EngineOperation;
}

/// <summary>What an operation did or found.</summary>
/// <param name="Versions">Range: what was found; Put: what was there before, if anything; Delete: what was deleted.</param>
/// <param name="Count">Range: how many there are, whatever the limit; Delete: how many were deleted.</param>
internal sealed record OperationResult(IReadOnlyList<KeyVersion> Versions, long Count, bool More)
{
    public static readonly OperationResult Nothing = new([], 0, false);
}

internal sealed record EngineOutcome(bool Succeeded, long Revision, IReadOnlyList<OperationResult> Results);
