using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <summary>Keeps this node's WorkloadEndpoints in the store equal to its records: what a dead store missed, a stranger deleted, or a
/// crash left over.</summary>
/// <remarks>The view lags behind our own commits: it only says where to look. What is written is decided under the endpoint's lock, by its
/// record and by what the store has then, and compares with that.</remarks>
internal sealed partial class EndpointPublisher(EndpointPublication publication, EndpointBook book, IKeyValueStore store,
    DatastoreView view, NodeFacts node,
    ILogger<EndpointPublisher> logger)
{
    /// <summary>Records that others are to see: not those whose address is another's.</summary>
    private IEnumerable<EndpointRecord> Published => book.All.Select(l => l.Record).Where(r => r.Conflict is null);

    private readonly Dictionary<WorkloadEndpointId, string> _refused = [];

    /// <summary>Endpoints that the store cannot have, of records of another version, each with the reason; as of the last repair.</summary>
    public ImmutableArray<string> Refused { get; private set; } = [];

    /// <summary>What waits first, then once through all; cheap when nothing differs.</summary>
    /// <returns>How many resources were written or deleted.</returns>
    public async Task<int> RepairAsync(CancellationToken ct)
    {
        var sent = await publication.SendAsync(ct);
        return view.Sync.Status == SyncStatus.InSync ? sent + await RepairAllAsync(ct) : sent;
    }

    private async Task<int> RepairAllAsync(CancellationToken ct)
    {
        var stored = view.OwnEndpoints.ToDictionary(e => WorkloadEndpointResource.KeyOf(e.Key.Namespace, e.Key.Name), e => e.Value);
        var records = Published.ToLookup(publication.KeyOf);
        var repaired = 0;
        // Two records of one name (an adapter's odd facts) would write each other over for ever: the first has it.
        foreach (var record in records.Select(r => r.First()).Where(r => !IsCurrent(stored.GetValueOrDefault(publication.KeyOf(r)), r)
            && !publication.IsWaiting(publication.KeyOf(r))))
        {
            repaired += await TryPutAsync(record, ct) ? 1 : 0;
        }

        foreach (var id in _refused.Keys.Where(id => !book.TryFind(id, out _)).ToList())
        {
            _refused.Remove(id);
        }

        Refused = [.. _refused.Select(r => $"{r.Key}: {r.Value}")];
        foreach (var (key, stray) in stored.Where(s => !records.Contains(s.Key)))
        {
            repaired += await DeleteAsync(key, EndpointIdentity.Of(stray), ct) ? 1 : 0;
        }

        if (repaired > 0)
        {
            Log.Repaired(logger, repaired);
        }

        return repaired;
    }

    /// <summary>One record that cannot be written does not keep the others from it.</summary>
    private async Task<bool> TryPutAsync(EndpointRecord record, CancellationToken ct)
    {
        try
        {
            var written = await PutAsync(record, ct);
            _refused.Remove(record.Id);
            return written;
        }
        catch (CalicoException e) when (e.Problem == Problem.Invalid)
        {
            if (_refused.GetValueOrDefault(record.Id) != e.Message)
            {
                Log.Refused(logger, record.Id, e.Message);
            }

            _refused[record.Id] = e.Message;
            return false;
        }
    }

    private async Task<bool> PutAsync(EndpointRecord seen, CancellationToken ct)
    {
        using var hold = await book.Locks.EnterAsync(seen.Id, ct);
        var key = publication.KeyOf(seen);
        // A removal takes the resource away before the record: without the lock it would be put back.
        if (!book.TryFind(seen.Id, out var life) || publication.KeyOf(life.Record) != key || life.Record.Conflict is not null)
        {
            return false;
        }

        var stored = await store.GetAsync(key, 0, ct);
        if (IsCurrent(Decode(stored), life.Record))
        {
            return false;
        }

        var expected = stored is null ? StoreCompare.Absent(key) : StoreCompare.At(key, stored.ModRevision);
        return (await store.CommitAsync(new([expected], [publication.Put(life.Record)], []), ct)).Succeeded;
    }

    private async Task<bool> DeleteAsync(string key, WorkloadEndpointId id, CancellationToken ct)
    {
        // An endpoint that is being prepared has its resource a moment before its record is in the book; it holds its lock meanwhile.
        using var hold = await book.Locks.EnterAsync(id, ct);
        if (Published.Any(r => publication.KeyOf(r) == key) || await store.GetAsync(key, 0, ct) is not { } stored
            || Decode(stored)?.Spec.Node != node.NodeName)
        {
            return false;
        }

        return (await store.CommitAsync(new([StoreCompare.At(key, stored.ModRevision)], [new StoreOperation.Delete(key)], []),
            ct)).Succeeded;
    }

    private bool IsCurrent(Resource<WorkloadEndpointSpec>? there, EndpointRecord record) =>
        there is not null && Substance(there).Span
            .SequenceEqual(Substance(WorkloadEndpointResource.From(record, node.NodeName, default)).Span);

    /// <summary>What follows from a record: uid, times and what others have noted on it does not.</summary>
    private static ReadOnlyMemory<byte> Substance(Resource<WorkloadEndpointSpec> resource) => Kinds.WorkloadEndpoint
        .Encode(Kinds.WorkloadEndpoint.New(
        new ObjectMeta { Name = resource.Metadata.Name, Namespace = resource.Metadata.Namespace, Labels = resource.Metadata.Labels },
            resource.Spec));

    private static Resource<WorkloadEndpointSpec>? Decode(KeyValue? stored)
    {
        try
        {
            return stored is null ? null : Kinds.WorkloadEndpoint.DecodeStored(stored.Value);
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            // Damaged by whoever wrote it: as if it were another's text, it is written over.
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1111, LogLevel.Information, "{Count} WorkloadEndpoints of this node brought up to date in the store")]
        public static partial void Repaired(ILogger logger, int count);

        [LoggerMessage(1080, LogLevel.Error, "{Endpoint} cannot stand in the store, other nodes do not know it: {Reason}")]
        public static partial void Refused(ILogger logger, WorkloadEndpointId endpoint, string reason);
    }
}
