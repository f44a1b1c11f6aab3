using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <summary>Keeps this node's WorkloadEndpoints in the store equal to its records: what a dead store missed, a stranger deleted, or a
/// crash left over.</summary>
/// <remarks>The view lags behind our own commits, so every write compares: a put only where nothing is, a delete only of the revision
/// that was seen.</remarks>
public sealed partial class EndpointPublisher(EndpointBook book, IKeyValueStore store, DatastoreView view, NodeFacts node, TimeProvider time,
    ILogger<EndpointPublisher> logger)
{
    /// <summary>Once through all; cheap when nothing differs.</summary>
    /// <returns>How many resources were written or deleted.</returns>
    public async Task<int> RepairAsync(CancellationToken ct)
    {
        if (view.Sync.Status != SyncStatus.InSync)
        {
            return 0;
        }

        var stored = view.OwnEndpoints.ToDictionary(e => WorkloadEndpointResource.KeyOf(e.Metadata.Namespace ?? "default", e.Metadata.Name));
        var wanted = book.All.Select(l => l.Record).ToDictionary(r => WorkloadEndpointResource.KeyOf(r.Namespace, WorkloadEndpointResource.Name(r, node.NodeName)));
        var repaired = 0;
        foreach (var (key, record) in wanted)
        {
            if (stored.TryGetValue(key, out var there) && there.Spec.ContainerId == (record.Facts.GetValueOrDefault("containerID") ?? record.Instance)
                && (there.Spec.IpNetworks ?? []).SequenceEqual(record.Addresses))
            {
                continue;
            }

            var expected = there is null ? StoreCompare.Absent(key) : StoreCompare.At(key, long.Parse(there.Metadata.ResourceVersion ?? "0", System.Globalization.CultureInfo.InvariantCulture));
            var put = new StoreOperation.Put(key, WorkloadEndpointResource.Encode(WorkloadEndpointResource.From(record, node.NodeName, time.GetUtcNow())));
            repaired += (await store.CommitAsync(new([expected], [put], []), ct)).Succeeded ? 1 : 0;
        }

        foreach (var (key, there) in stored.Where(s => !wanted.ContainsKey(s.Key)))
        {
            var seen = StoreCompare.At(key, long.Parse(there.Metadata.ResourceVersion ?? "0", System.Globalization.CultureInfo.InvariantCulture));
            repaired += (await store.CommitAsync(new([seen], [new StoreOperation.Delete(key)], []), ct)).Succeeded ? 1 : 0;
        }

        if (repaired > 0)
        {
            Log.Repaired(logger, repaired);
        }

        return repaired;
    }

    private static partial class Log
    {
        [LoggerMessage(1111, LogLevel.Information, "{Count} WorkloadEndpoints of this node brought up to date in the store")]
        public static partial void Repaired(ILogger logger, int count);
    }
}
