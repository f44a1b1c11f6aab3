using System.Text;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Store;

namespace Calico.Datastore.Resources;

/// <summary>The sign that a node's host runs: a key bound to a lease of the store, so that no clock but the store's says when it has
/// stopped. Its value is the machine's id.</summary>
public static class NodeHeartbeat
{
    /// <summary>How long a host may be silent. A host whose store is away for longer registers again when it is back.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(30);

    public static string Key(string node) => OwnKeys.Heartbeats + node;

    /// <summary>Refuses what must not be done to a node whose host runs.</summary>
    /// <returns>Keeps it so until the write.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>, with what to do.</exception>
    public static async Task<WriteGuard> RefuseAliveAsync(IKeyValueStore store, string node, CancellationToken ct)
    {
        var key = Key(node);
        return await store.GetAsync(key, 0, ct) is { } beat
            ? throw new CalicoException(Problem.Conflict,
                $"node {node} is in use: its host runs (machine {Encoding.UTF8.GetString(beat.Value.Span)}) and its "
                + $"workloads have addresses. Stop calico-host there first; {TimeToLive.TotalSeconds:0} seconds after it was killed the "
                + "node counts as stopped. "
                + "With --force it is deleted all the same, and its host registers it again")
            : new([StoreCompare.Absent(key)], []);
    }
}
