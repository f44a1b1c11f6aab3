using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Calico.Datastore.Store;

namespace Calico.Datastore.Sync;

/// <summary>What has been handed out: which resources, and at which revision. Turns lists and changes into updates.</summary>
/// <remarks>
/// It holds no value, and no key whose text follows from its resource: a cluster has hundreds of thousands.
/// Two keys may stand for one resource: while policies of before 3.32 are renamed, <c>default.x</c> and <c>x</c> both are
/// policy <c>x</c>. The key that came last owns the resource, and only the end of the owner is the end of the resource.
/// </remarks>
internal sealed class SyncPicture(IResourceDecoder decoder, Action<string, string> onUndecodable)
{
    /// <summary>Each resource by its owner.</summary>
    private readonly Dictionary<ResourceKey, Known> _owners = [];

    /// <summary>Keys beside the owner, by key.</summary>
    private readonly Dictionary<string, (ResourceKey Resource, Known Known)> _others = new(StringComparer.Ordinal);

    /// <summary>Namespaces are few and their texts are not held once a key.</summary>
    private readonly HashSet<string> _namespaces = new(StringComparer.Ordinal);

    private int _list;

    /// <summary>Keys whose value cannot be used.</summary>
    public int Undecodable { get; private set; }

    public void Clear()
    {
        _owners.Clear();
        _others.Clear();
        _namespaces.Clear();
        Undecodable = 0;
    }

    /// <summary>A full list begins; what was there stays until <see cref="EndList"/>.</summary>
    public void BeginList() => _list++;

    /// <summary>Items of the list: adds those that are new or changed to the updates.</summary>
    public void Take(ReadOnlySpan<KeyValue> items, ImmutableArray<SyncUpdate>.Builder updates)
    {
        foreach (var item in items)
        {
            if (!decoder.TryName(item.Key, out var resource))
            {
                continue;
            }

            resource = Shared(resource);
            if (TakeNew(item, resource) is { } first)
            {
                updates.Add(first);
            }
            else if (Find(item.Key, resource) is { } same && same.Is(item))
            {
                Keep(item.Key, resource, same with { List = _list });
            }
            else
            {
                updates.Add(Decode(item, resource));
            }
        }
    }

    /// <summary>The list was whole: what it did not have is gone.</summary>
    public ImmutableArray<SyncUpdate> EndList()
    {
        foreach (var (key, (_, other)) in _others.Where(o => o.Value.Known.List != _list).ToList())
        {
            _others.Remove(key);
            Undecodable -= other.IsBad ? 1 : 0;
        }

        var gone = _owners.Where(o => o.Value.List != _list).ToList();
        foreach (var (resource, owner) in gone)
        {
            _owners.Remove(resource);
            Undecodable -= owner.IsBad ? 1 : 0;
        }

        return [.. gone.Select(o => new SyncUpdate(o.Key, null))];
    }

    /// <summary>Changes of a watch, in their order.</summary>
    public ImmutableArray<SyncUpdate> Apply(IEnumerable<WatchEvent> events)
    {
        var updates = ImmutableArray.CreateBuilder<SyncUpdate>();
        foreach (var change in events)
        {
            if (!decoder.TryName(change.Key, out var resource))
            {
                continue;
            }

            resource = Shared(resource);
            var old = Find(change.Key, resource);
            var update = change.Current is { } item ? Decode(item, resource) : null;
            if (update is null)
            {
                Forget(change.Key, resource);
            }

            // Not for a key that was never handed out, whatever the store deletes; and not for one whose resource lives on.
            if (old is not null && !_owners.ContainsKey(resource))
            {
                updates.Add(new SyncUpdate(resource, null));
            }

            if (update is not null)
            {
                updates.Add(update);
            }
        }

        return updates.ToImmutable();
    }

    /// <summary>Nearly all of a first list: nothing is known of the resource or the key, so there is nothing to compare with and nobody to
    /// put aside.</summary>
    /// <returns>Null: something is.</returns>
    private SyncUpdate? TakeNew(KeyValue item, ResourceKey resource)
    {
        if (_others.Count > 0 && _others.ContainsKey(item.Key))
        {
            return null;
        }

        ref var place = ref CollectionsMarshal.GetValueRefOrAddDefault(_owners, resource, out var isKnown);
        if (isKnown)
        {
            return null;
        }

        var update = Decode(item, resource, null, out place);
        Undecodable += place.IsBad ? 1 : 0;
        return update;
    }

    private SyncUpdate Decode(KeyValue item, ResourceKey resource)
    {
        var update = Decode(item, resource, Find(item.Key, resource), out var known);
        Keep(item.Key, resource, known);
        return update;
    }

    private SyncUpdate Decode(KeyValue item, ResourceKey resource, Known? before, out Known known)
    {
        var update = decoder.Decode(resource, item.Value);
        if (update.Error is { } error && before?.IsBad != true)
        {
            onUndecodable(item.Key, error);
        }

        known = new Known(decoder.IsKeyOf(resource, item.Key) ? null : item.Key, item.CreateRevision, item.ModRevision, item.Version, _list,
            update.Error is not null);
        return update;
    }

    /// <summary>The key comes last: it owns the resource from now on.</summary>
    private void Keep(string key, ResourceKey resource, Known known)
    {
        Undecodable += (known.IsBad ? 1 : 0) - (Find(key, resource)?.IsBad == true ? 1 : 0);
        if (_owners.TryGetValue(resource, out var former) && !IsAt(key, resource, former)
            && (former.UnusualKey ?? decoder.KeyOf(resource)) is { } formerKey)
        {
            _others[formerKey] = (resource, former);
        }

        _others.Remove(key);
        _owners[resource] = known;
    }

    private void Forget(string key, ResourceKey resource)
    {
        Undecodable -= Find(key, resource)?.IsBad == true ? 1 : 0;
        if (!_others.Remove(key) && _owners.TryGetValue(resource, out var owner) && IsAt(key, resource, owner))
        {
            _owners.Remove(resource);
        }
    }

    private Known? Find(string key, ResourceKey resource) =>
        _owners.TryGetValue(resource, out var owner) && IsAt(key, resource, owner) ? owner
        : _others.TryGetValue(key, out var other) ? other.Known
        : null;

    private bool IsAt(string key, ResourceKey resource, Known known) =>
        known.UnusualKey is { } unusual ? unusual == key : decoder.IsKeyOf(resource, key);

    private ResourceKey Shared(ResourceKey key)
    {
        if (!_namespaces.TryGetValue(key.Namespace, out var shared))
        {
            _namespaces.Add(shared = key.Namespace);
        }

        return new(key.Kind, shared, key.Name);
    }

    /// <summary>A key as it was handed out. Create revision and version besides the mod revision, because in a store that was restored
    /// the same revision may be another value's.</summary>
    /// <param name="UnusualKey">Null: the one that the decoder makes of the resource.</param>
    /// <param name="CreateRevision">Of the item.</param>
    /// <param name="ModRevision">Of the item.</param>
    /// <param name="Version">Of the item.</param>
    /// <param name="List">The list that had it last, or after which it came.</param>
    /// <param name="IsBad">Its value cannot be used.</param>
    private readonly record struct Known(string? UnusualKey, long CreateRevision, long ModRevision, long Version, int List, bool IsBad)
    {
        public bool Is(KeyValue item) => ModRevision == item.ModRevision && CreateRevision == item.CreateRevision
            && Version == item.Version;
    }
}
