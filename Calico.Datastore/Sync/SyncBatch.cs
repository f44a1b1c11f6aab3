using System.Collections.Immutable;
using Calico.Datastore.Resources;

namespace Calico.Datastore.Sync;

/// <summary>Where a follower of the datastore is.</summary>
public enum SyncStatus
{
    /// <summary>Nothing has been read yet.</summary>
    WaitForStore,

    /// <summary>The first list is being delivered.</summary>
    Resync,

    /// <summary>Everything up to the batch's revision has been delivered.</summary>
    InSync,
}

/// <summary>The new state of one resource.</summary>
/// <param name="Key">Which one.</param>
/// <param name="Value">Null: it is gone, or cannot be read (<paramref name="Error"/> says why; a policy then denies).</param>
/// <param name="Error">Why a stored value is not usable; null otherwise.</param>
public sealed record SyncUpdate(ResourceKey Key, Resource? Value, string? Error = null)
{
    /// <summary>What it was read from; empty where it came from nobody's store. For whoever keeps it as it stands.</summary>
    public ReadOnlyMemory<byte> Stored { get; init; }

    /// <summary>Of a policy or a host endpoint that is not usable: what of it says where it applies, without rules. Null: nothing can be
    /// read of it.</summary>
    public Resource? Fragment { get; init; }
}

/// <summary>Ordered changes and the status after them.</summary>
public sealed record SyncBatch(SyncStatus Status, long Revision, ImmutableArray<SyncUpdate> Updates);
