using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;

namespace Calico.Host.Node;

/// <summary>What of the store's content is not in force here: profiles that cannot be used, and kinds that nothing obeys.</summary>
/// <remarks>Fed with what the dataplane is fed with. One writer at a time, any number of readers.</remarks>
public sealed class StoreCensus
{
    private readonly Lock _guard = new();
    private readonly Dictionary<string, SyncUpdate> _profiles = new(StringComparer.Ordinal);
    private readonly HashSet<ResourceKey> _idle = [];

    public void Accept(SyncBatch batch)
    {
        lock (_guard)
        {
            foreach (var update in batch.Updates)
            {
                var isThere = update.Value is not null || update.Error is not null;
                if (Kinds.Profile.Owns(update.Key))
                {
                    _profiles.Remove(update.Key.Name);
                    if (isThere)
                    {
                        _profiles.Add(update.Key.Name, update);
                    }
                }
                else if (EnforcedKinds.IsIdle(update.Key))
                {
                    _ = isThere ? _idle.Add(update.Key) : _idle.Remove(update.Key);
                }
            }
        }
    }

    /// <summary>Why a profile denies everything; null: it is enforced as written.</summary>
    public string? FaultOf(string profile)
    {
        lock (_guard)
        {
            return ProfileFaults.Of(profile, _profiles.GetValueOrDefault(profile));
        }
    }

    /// <summary>How many resources of each kind stand in the store and are not enforced.</summary>
    public ImmutableSortedDictionary<string, int> Idle
    {
        get
        {
            lock (_guard)
            {
                return _idle.GroupBy(key => key.Kind).ToImmutableSortedDictionary(kind => kind.Key, kind => kind.Count(), StringComparer.Ordinal);
            }
        }
    }
}
