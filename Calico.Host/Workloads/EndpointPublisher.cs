using System.Globalization;
using Calico.Datastore.Resources;
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
        var records = book.All.Select(l => l.Record).ToLookup(KeyOf);
        var repaired = 0;
        // Two records of one name (an adapter's odd facts) would write each other over for ever: the first has it.
        foreach (var (key, record) in records.Select(r => (r.Key, r.First())).Where(r => !IsCurrent(stored.GetValueOrDefault(r.Key), r.Item2)))
        {
            // Under the endpoint's lock, and looked at again: a removal takes the resource away before the record.
            using var hold = await book.Locks.EnterAsync(record.Id, ct);
            if (!book.TryFind(record.Id, out var life) || KeyOf(life.Record) != key)
            {
                continue;
            }

            var there = stored.GetValueOrDefault(key);
            var expected = there is null ? StoreCompare.Absent(key) : StoreCompare.At(key, RevisionOf(there));
            var put = new StoreOperation.Put(key, WorkloadEndpointResource.Encode(WorkloadEndpointResource.From(life.Record, node.NodeName, time.GetUtcNow())));
            repaired += (await store.CommitAsync(new([expected], [put], []), ct)).Succeeded ? 1 : 0;
        }

        foreach (var (key, there) in stored.Where(s => !records.Contains(s.Key)))
        {
            // An endpoint that is being prepared has its resource a moment before its record is in the book; it holds its lock meanwhile.
            var id = WorkloadEndpointResource.IdOf(there);
            using var hold = await book.Locks.EnterAsync(id, ct);
            if (book.All.Any(l => KeyOf(l.Record) == key))
            {
                continue;
            }

            repaired += (await store.CommitAsync(new([StoreCompare.At(key, RevisionOf(there))], [new StoreOperation.Delete(key)], []), ct)).Succeeded ? 1 : 0;
        }

        if (repaired > 0)
        {
            Log.Repaired(logger, repaired);
        }

        return repaired;
    }

    private bool IsCurrent(Resource<WorkloadEndpointSpec>? there, EndpointRecord record) =>
        there is not null && Substance(there).Span.SequenceEqual(Substance(WorkloadEndpointResource.From(record, node.NodeName, default)).Span);

    /// <summary>What follows from a record: uid, times and what others have noted on it does not.</summary>
    private static ReadOnlyMemory<byte> Substance(Resource<WorkloadEndpointSpec> resource) => WorkloadEndpointResource.Encode(new()
    {
        Kind = resource.Kind,
        Metadata = new() { Name = resource.Metadata.Name, Namespace = resource.Metadata.Namespace, Labels = resource.Metadata.Labels },
        Spec = resource.Spec,
    });

    private static long RevisionOf(Resource there) => long.Parse(there.Metadata.ResourceVersion ?? "0", CultureInfo.InvariantCulture);

    private string KeyOf(EndpointRecord record) => WorkloadEndpointResource.KeyOf(record.Namespace, WorkloadEndpointResource.Name(record, node.NodeName));

    private static partial class Log
    {
        [LoggerMessage(1111, LogLevel.Information, "{Count} WorkloadEndpoints of this node brought up to date in the store")]
        public static partial void Repaired(ILogger logger, int count);
    }
}
