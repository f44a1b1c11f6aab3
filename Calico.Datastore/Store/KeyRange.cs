using System.Collections.Immutable;

namespace Calico.Datastore.Store;

/// <summary>Keys of one list, in key order (by bytes), all at <paramref name="Revision"/>.</summary>
public sealed record KeyRange(ImmutableArray<KeyValue> Items, long Revision);
