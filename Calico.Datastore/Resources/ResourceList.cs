using System.Collections.Immutable;

namespace Calico.Datastore.Resources;

/// <summary>Resources of one kind, by key.</summary>
/// <typeparam name="TResource">Of one kind, or any.</typeparam>
/// <param name="Items">Those that can be read.</param>
/// <param name="Unreadable">Keys of those that cannot, with the reason.</param>
/// <param name="Revision">State as of that revision of the store.</param>
public sealed record ResourceList<TResource>(ImmutableArray<TResource> Items, ImmutableArray<KeyValuePair<string, string>> Unreadable,
    long Revision)
    where TResource : Resource;
