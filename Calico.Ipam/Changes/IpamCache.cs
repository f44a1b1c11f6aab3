using System.Collections.Concurrent;
using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>What was read or written last, by key. It may be stale: a transaction that rests on it compares, and a refusal corrects it.
/// </summary>
/// <remarks>Safe to call concurrently.</remarks>
internal sealed class IpamCache
{
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, CachedValue>> _folders = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _listed = new(StringComparer.Ordinal);

    public bool TryGet(string key, out CachedValue value) => Folder(FolderOf(key)).TryGetValue(key, out value!);

    public void Set(string key, CachedValue value) => Folder(FolderOf(key))[key] = value;

    public void Forget(string key) => Folder(FolderOf(key)).TryRemove(key, out _);

    /// <summary>Whether every key of a folder is here.</summary>
    public bool IsListed(string folder) => _listed.ContainsKey(folder);

    public void SetListed(string folder) => _listed[folder] = true;

    /// <summary>What is known of a folder (a prefix that ends with a slash), in no order.</summary>
    public IEnumerable<KeyValuePair<string, CachedValue>> In(string folder) => Folder(folder);

    /// <summary>Drops what a node does not need again soon: blocks of others, and that keys are absent.</summary>
    public void Trim(AffinityOwner owner)
    {
        foreach (var folder in ImmutableArray.Create(IpamKeys.Blocks(4), IpamKeys.Blocks(6), IpamKeys.Handles))
        {
            foreach (var (key, cached) in Folder(folder))
            {
                if (cached.ModRevision == 0 || (cached.Value is AllocationBlock block && block.Affinity != owner.Text))
                {
                    Folder(folder).TryRemove(key, out _);
                }
            }
        }
    }

    public void Clear()
    {
        _listed.Clear();
        _folders.Clear();
    }

    private static string FolderOf(string key) =>
        key.StartsWith(IpamKeys.Handles, StringComparison.Ordinal) ? IpamKeys.Handles : key[..(key.LastIndexOf('/') + 1)];

    private ConcurrentDictionary<string, CachedValue> Folder(string folder) =>
        _folders.GetOrAdd(folder, static _ => new(StringComparer.Ordinal));
}
