using System.Collections.Immutable;

namespace Calico.Datastore.Store;

/// <summary>A change of one key.</summary>
/// <param name="Current">The new state; null: deleted.</param>
/// <param name="Previous">The state before, or null when it was created or is not known.</param>
public sealed record WatchEvent(string Key, KeyValue? Current, KeyValue? Previous);

/// <summary>Changes in revision order. All changes of one revision are in one batch; an empty batch only says that nothing up to
/// <paramref name="Revision"/> is outstanding (progress).</summary>
public sealed record WatchBatch(long Revision, ImmutableArray<WatchEvent> Events);
