using System.Collections.Immutable;

namespace Calico.Datastore.Store;

/// <summary>Result of a transaction.</summary>
/// <param name="Succeeded">Whether every comparison held.</param>
/// <param name="Revision">The store's revision afterwards; the keys that were put have it as mod revision.</param>
/// <param name="Results">One entry per operation of the branch done: for Get what was there; for Delete what was deleted; empty for
/// Put.</param>
public sealed record StoreOutcome(bool Succeeded, long Revision, ImmutableArray<ImmutableArray<KeyValue>> Results);
