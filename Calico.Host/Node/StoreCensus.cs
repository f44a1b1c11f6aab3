using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;

namespace Calico.Host.Node;

/// <summary>What of the store's content is not in force here: profiles and policies that cannot be used, and what nothing obeys.</summary>
/// <remarks>Fed with what the dataplane is fed with. One writer at a time, any number of readers.</remarks>
internal sealed class StoreCensus
{
    private readonly Lock _guard = new();
    private readonly Dictionary<string, SyncUpdate> _profiles = new(StringComparer.Ordinal);
    private readonly Dictionary<ResourceKey, string> _idle = [];
    private readonly Dictionary<ResourceKey, string> _unusable = [];
    private readonly Dictionary<ResourceKey, string> _partly = [];

    public void Accept(SyncBatch batch)
    {
        lock (_guard)
        {
            foreach (var update in batch.Updates)
            {
                var isThere = update.Value is not null || update.Error is not null;
                Note(_partly, update.Key, EnforcedKinds.WhyPartly(update.Value));
                if (Kinds.Profile.Owns(update.Key))
                {
                    _profiles.Remove(update.Key.Name);
                    if (isThere)
                    {
                        _profiles.Add(update.Key.Name, update);
                    }
                }
                else
                {
                    Note(_idle, update.Key, isThere ? EnforcedKinds.WhyIdle(update.Key) : null);
                    Note(_unusable, update.Key, FaultOf(update));
                }
            }
        }
    }

    /// <summary>Why what stands there denies; what is staged never does.</summary>
    private static string? FaultOf(SyncUpdate update) =>
        Kinds.NetworkPolicy.Owns(update.Key) || Kinds.GlobalNetworkPolicy.Owns(update.Key) ? PolicyFaults.OfPolicy(update)
        : Kinds.HostEndpoint.Owns(update.Key) ? PolicyFaults.OfHostEndpoint(update)
        : null;

    private bool IsUnusableProfile(ResourceKey key) =>
        Kinds.Profile.Owns(key) && PolicyFaults.OfProfile(key.Name, _profiles.GetValueOrDefault(key.Name)) is not null;

    private static void Note(Dictionary<ResourceKey, string> notes, ResourceKey key, string? reason)
    {
        notes.Remove(key);
        if (reason is not null)
        {
            notes.Add(key, reason);
        }
    }

    /// <summary>Why a profile denies everything; null: it is enforced as written.</summary>
    public string? FaultOf(string profile)
    {
        lock (_guard)
        {
            return PolicyFaults.OfProfile(profile, _profiles.GetValueOrDefault(profile));
        }
    }

    /// <summary>Policies and host endpoints that deny everything where they apply, because they cannot be used as they were written; with
    /// the reason.</summary>
    public ImmutableArray<(ResourceKey Key, string Reason)> Unusable
    {
        get
        {
            lock (_guard)
            {
                return [.. _unusable.Select(u => (u.Key, u.Value)).OrderBy(u => u.Key.ToString(), StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Policies and profiles of which something is not enforced as it is written; with what.</summary>
    public ImmutableArray<(ResourceKey Key, string Reason)> Partly
    {
        get
        {
            lock (_guard)
            {
                // Those that cannot be used at all are said to be.
                return [.. _partly.Where(p => !_unusable.ContainsKey(p.Key) && !IsUnusableProfile(p.Key))
                    .Select(p => (p.Key, p.Value))
                    .OrderBy(p => p.Key.ToString(), StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>How many resources of each kind stand in the store and are not enforced.</summary>
    public ImmutableSortedDictionary<string, int> Idle
    {
        get
        {
            lock (_guard)
            {
                return _idle.Keys.GroupBy(key => key.Kind)
                    .ToImmutableSortedDictionary(kind => kind.Key, kind => kind.Count(), StringComparer.Ordinal);
            }
        }
    }
}
