using System.Collections.Immutable;
using Calico.Datastore.Store;

namespace Calico.Datastore.Sync;

/// <summary>What has been handed out: which keys, at which revision. Turns lists and changes into updates.</summary>
/// <remarks>Two keys may stand for one resource: while policies of before 3.32 are renamed, <c>default.x</c> and <c>x</c> both are
/// policy <c>x</c>. The key that came last owns the resource, and only the end of the owner is the end of the resource.</remarks>
internal sealed class SyncPicture(IResourceDecoder decoder, Action<string, string> onUndecodable)
{
    private Dictionary<string, Known> _known = new(StringComparer.Ordinal);
    private Dictionary<ResourceKey, string> _owners = [];

    /// <summary>Keys whose value cannot be used.</summary>
    public int Undecodable { get; private set; }

    public void Clear()
    {
        _known.Clear();
        _owners.Clear();
        Undecodable = 0;
    }

    /// <summary>The difference between what was handed out and a full list: first what is gone, then what is new or changed.</summary>
    public ImmutableArray<SyncUpdate> Replace(IReadOnlyCollection<KeyValue> items)
    {
        var before = _known;
        var resourcesBefore = _owners.Keys.ToList();
        _known = new Dictionary<string, Known>(items.Count, StringComparer.Ordinal);
        _owners = new Dictionary<ResourceKey, string>(items.Count);
        Undecodable = 0;
        var changed = new List<SyncUpdate>();
        foreach (var item in items)
        {
            Known? old = before.TryGetValue(item.Key, out var known) ? known : null;
            if (old is { } same && same.Is(item))
            {
                Keep(item.Key, same);
            }
            else if (Decode(item, old) is { } update)
            {
                changed.Add(update);
            }
        }

        return [.. resourcesBefore.Where(r => !_owners.ContainsKey(r)).Select(r => new SyncUpdate(r, null)), .. changed];
    }

    /// <summary>Changes of a watch, in their order.</summary>
    public ImmutableArray<SyncUpdate> Apply(IEnumerable<WatchEvent> events)
    {
        var updates = ImmutableArray.CreateBuilder<SyncUpdate>();
        foreach (var change in events)
        {
            var old = Forget(change.Key);
            var update = change.Current is { } item ? Decode(item, old) : null;

            // Not for a key that was never handed out, whatever the store deletes; and not for one whose resource lives on.
            if (old is { } gone && !_owners.ContainsKey(gone.Resource))
            {
                updates.Add(new SyncUpdate(gone.Resource, null));
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

        Keep(item.Key, new Known(update.Key, item.CreateRevision, item.ModRevision, item.Version, update.Error is not null));
        return update;
    }

    private void Keep(string key, Known known)
    {
        _known[key] = known;
        _owners[known.Resource] = key;
        Undecodable += known.IsBad ? 1 : 0;
    }

    private Known? Forget(string key)
    {
        if (!_known.Remove(key, out var old))
        {
            return null;
        }

        Undecodable -= old.IsBad ? 1 : 0;
        if (_owners.TryGetValue(old.Resource, out var owner) && owner == key)
        {
            _owners.Remove(old.Resource);
        }

        return old;
    }

    /// <summary>A key as it was handed out. Create revision and version besides the mod revision, because in a store that was restored
    /// the same revision may be another value's.</summary>
    private readonly record struct Known(ResourceKey Resource, long CreateRevision, long ModRevision, long Version, bool IsBad)
    {
        public bool Is(KeyValue item) => ModRevision == item.ModRevision && CreateRevision == item.CreateRevision && Version == item.Version;
    }
}
