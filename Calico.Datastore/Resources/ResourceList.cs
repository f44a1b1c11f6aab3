using System.Collections.Immutable;

namespace Calico.Datastore.Resources;

/// <summary>Resources of one kind, by key.</summary>
/// <param name="Items">Those that can be read.</param>
/// <param name="Unreadable">Keys of those that cannot, with the reason.</param>
/// <param name="Revision">State as of that revision of the store.</param>
public sealed record ResourceList(ImmutableArray<Resource> Items, ImmutableArray<KeyValuePair<string, string>> Unreadable, long Revision);
