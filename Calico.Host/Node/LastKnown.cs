using Calico.Datastore.Sync;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;

namespace Calico.Host.Node;

/// <summary>What a former process was told last and what it promised since: in force until sync tells more.</summary>
/// <param name="snapshot">Null: the store is on this disk itself.</param>
/// <param name="feed">The way to view and dataplane.</param>
/// <param name="profiles">Knows what is journalled.</param>
/// <param name="enforce">Tells the dataplane alone.</param>
internal sealed class LastKnown(PolicySnapshot? snapshot, StoreFeed feed, HostProfiles profiles, Action<SyncBatch> enforce)
{
    /// <summary>Once, before sync begins.</summary>
    public void Enforce()
    {
        foreach (var portion in snapshot?.Read() ?? [])
        {
            feed.Remember(portion);
        }

        if (profiles.Pending() is { IsEmpty: false } pending)
        {
            enforce(new(SyncStatus.Resync, 0, pending));
        }
    }
}
