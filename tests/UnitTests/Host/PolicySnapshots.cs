using Calico.Datastore.Sync;
using Calico.Host.Node;

namespace Calico.UnitTests.Host;

/// <summary>A snapshot as one state.</summary>
internal static class PolicySnapshots
{
    /// <summary>The last state of each resource that is there; null: there is no snapshot.</summary>
    public static SyncBatch? Whole(PolicySnapshot snapshot)
    {
        var portions = snapshot.Read().ToList();
        if (portions is not [.., { Status: SyncStatus.InSync } last])
        {
            return null;
        }

        var states = new Dictionary<ResourceKey, SyncUpdate>();
        foreach (var update in portions.SelectMany(p => p.Updates))
        {
            states[update.Key] = update;
        }

        return last with { Updates = [.. states.Values.Where(u => u.Value is not null || u.Error is not null)] };
    }
}
