using System.Collections.Immutable;
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
    public void Take(ImmutableArray<KeyValue> items, ImmutableArray<SyncUpdate>.Builder updates)
    {
        foreach (var item in items)
        {
            if (!decoder.TryName(item.Key, out var resource))
            {
                continue;
            }

            var old = Find(item.Key, resource);
            if (old is { } same && same.Is(item))
            {
                Keep(item.Key, resource, same with { List = _list });
            }
            else if (Decode(item, old) is { } update)
            {
                updates.Add(update);
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

            var old = Find(change.Key, resource);
            var update = change.Current is { } item ? Decode(item, old) : null;
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

    private SyncUpdate? Decode(KeyValue item, Known? before)
    {
        if (!decoder.TryDecode(item.Key, item.Value, out var update))
        {
            return null;
        }

        if (update.Error is { } error && before?.IsBad != true)
        {
            onUndecodable(item.Key, error);
        }

        update = update with { Key = Shared(update.Key) };
        var usual = decoder.KeyOf(update.Key) == item.Key;
        Keep(item.Key, update.Key, new Known(usual ? null : item.Key, item.CreateRevision, item.ModRevision, item.Version, _list, update.Error is not null));
        return update;
    }

    /// <summary>The key comes last: it owns the resource from now on.</summary>
    private void Keep(string key, ResourceKey resource, Known known)
    {
        Undecodable += (known.IsBad ? 1 : 0) - (Find(key, resource)?.IsBad == true ? 1 : 0);
        if (_owners.TryGetValue(resource, out var former) && KeyOf(resource, former) is { } formerKey && formerKey != key)
        {
            _others[formerKey] = (resource, former);
        }

        _others.Remove(key);
        _owners[resource] = known;
    }

    private void Forget(string key, ResourceKey resource)
    {
        Undecodable -= Find(key, resource)?.IsBad == true ? 1 : 0;
        if (!_others.Remove(key) && _owners.TryGetValue(resource, out var owner) && KeyOf(resource, owner) == key)
        {
            _owners.Remove(resource);
        }
    }

    private Known? Find(string key, ResourceKey resource) =>
        _owners.TryGetValue(resource, out var owner) && KeyOf(resource, owner) == key ? owner
        : _others.TryGetValue(key, out var other) ? other.Known
        : null;

    private string? KeyOf(ResourceKey resource, Known known) => known.UnusualKey ?? decoder.KeyOf(resource);

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
        public bool Is(KeyValue item) => ModRevision == item.ModRevision && CreateRevision == item.CreateRevision && Version == item.Version;
    }
}
