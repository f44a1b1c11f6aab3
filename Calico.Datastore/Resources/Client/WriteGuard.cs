using System.Collections.Immutable;
using Calico.Datastore.Store;

namespace Calico.Datastore.Resources.Client;

/// <summary>What a write rests on beside its own key: a check of other objects is worth nothing if they may change before the write.
/// </summary>
/// <param name="Compares">Comparisons that the write's transaction makes too.</param>
/// <param name="Writes">What it writes along.</param>
public sealed record WriteGuard(ImmutableArray<StoreCompare> Compares, ImmutableArray<StoreOperation> Writes)
{
    /// <summary>Nothing.</summary>
    public static WriteGuard None { get; } = new([], []);

    /// <summary>Only one of those who hold a guard of the same key can write; the others check again. It is taken before the check.
    /// </summary>
    public static async Task<WriteGuard> TakeAsync(IKeyValueStore store, string key, CancellationToken ct)
    {
        var found = await store.GetAsync(key, 0, ct);
        return new([StoreCompare.At(key, found?.ModRevision ?? 0)], [new StoreOperation.Put(key, "{}"u8.ToArray())]);
    }
}
