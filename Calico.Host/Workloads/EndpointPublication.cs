using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;

namespace Calico.Host.Workloads;

/// <summary>An endpoint's record in the node log and its WorkloadEndpoint in the store: together, or the log now and the store later.
/// </summary>
/// <remarks>Writes are made under the endpoint's lock, which the late ones take too: what was removed meanwhile is not put back.</remarks>
internal sealed class EndpointPublication(Outbox outbox, EndpointBook book, NodeFacts node, TimeProvider time) : IOutboxOwner
{
    string IOutboxOwner.Name => "endpoints";

    bool IOutboxOwner.IsAlone => false;

    /// <summary>The resource as others are to see it.</summary>
    public StoreOperation.Put Put(EndpointRecord record) =>
        new(KeyOf(record), WorkloadEndpointResource.Encode(WorkloadEndpointResource.From(record, node.NodeName, time.GetUtcNow())));

    /// <summary>Its end.</summary>
    public StoreOperation.Delete Delete(EndpointRecord record) => new(KeyOf(record));

    /// <summary>Writes both.</summary>
    /// <returns>Why the store does not have it yet; null: it has.</returns>
    public async Task<string?> WriteAsync(EndpointRecord record, CancellationToken ct)
    {
        var put = Put(record);
        var result = await outbox.WriteAsync(this, new()
        {
            Owner = ((IOutboxOwner)this).Name, Key = put.Key, Value = put.Value.ToArray(),
                Remarks = [record.Orchestrator, record.Workload, record.Endpoint],
        }, [record.ToWrite()], ct);
        return result.Outcome == OutboxOutcome.Journalled ? result.Reason : null;
    }

    /// <summary>Brings what the store missed. Throws while it is away.</summary>
    /// <returns>How many.</returns>
    public Task<int> SendAsync(CancellationToken ct) => outbox.SendAsync(this, ct);

    /// <summary>Whether something waits for a resource: it is newer than what the store shows.</summary>
    public bool IsWaiting(string key) => outbox.Pending(key) is not null;

    /// <summary>Others are not to see the endpoint after all.</summary>
    public Task ForgetAsync(EndpointRecord record, CancellationToken ct) => outbox.ForgetAsync(KeyOf(record), ct);

    /// <summary>Key of the resource.</summary>
    public string KeyOf(EndpointRecord record) =>
        WorkloadEndpointResource.KeyOf(record.Namespace, WorkloadEndpointResource.Name(record, node.NodeName));

    Task<IDisposable> IOutboxOwner.HoldAsync(OutboxEntry entry, CancellationToken ct) =>
        entry.Remarks is [var orchestrator, var workload, var endpoint] ? book.Locks.EnterAsync(new(orchestrator, workload, endpoint), ct)
            : throw new CalicoException(Problem.Damaged, $"the outbox's entry of {entry.Key} does not say which endpoint it is of",
                entry.Key);

    ValueTask<bool> IOutboxOwner.MayWriteAsync(OutboxEntry entry, KeyValue? standing, CancellationToken ct) => ValueTask.FromResult(true);

    void IOutboxOwner.Settle(OutboxEntry entry, OutboxResult result)
    {
        // The publisher says what the store cannot have.
    }
}
