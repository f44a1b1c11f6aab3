using System.Security.Cryptography;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>Companions of operations that were answered without the store, in the outbox. They are sent by IPAM's writer alone, which knows
/// when no transaction is under way that could take after them.</summary>
/// <remarks>Written whatever stands: only this host writes the endpoints of this node. What a transaction may have put for an answer that
/// nobody got is deleted, if it still stands so.</remarks>
internal sealed class CompanionWrites : IOutboxOwner
{
    public string Name => NodeIpam.OutboxOwner;

    public bool IsAlone => true;

    /// <summary>A companion's write, for when the store answers.</summary>
    public static OutboxEntry Later(StoreOperation operation) => operation switch
    {
        StoreOperation.Put put => new() { Owner = NodeIpam.OutboxOwner, Key = put.Key, Value = put.Value.ToArray() },
        StoreOperation.Delete delete => new() { Owner = NodeIpam.OutboxOwner, Key = delete.Key },
        _ => throw new ArgumentException($"a companion puts or deletes a key; this is {operation}", nameof(operation)),
    };

    /// <summary>Takes back what may have been put.</summary>
    /// <param name="put">In a transaction that was not answered.</param>
    /// <param name="waiting">What waits for the key.</param>
    /// <returns>Null: what waits is written over it in any case.</returns>
    public static OutboxEntry? Undo(StoreOperation.Put put, OutboxEntry? waiting) => waiting is { Guard: OutboxGuard.None } ? null : new()
    {
        Owner = NodeIpam.OutboxOwner,
        Key = put.Key,
        Guard = OutboxGuard.Owner,
        Remarks = [Digest(put.Value), .. waiting?.Remarks ?? []],
    };

    public Task<IDisposable> HoldAsync(OutboxEntry entry, CancellationToken ct) =>
        throw new InvalidOperationException("the writer is alone");

    public ValueTask<bool> MayWriteAsync(OutboxEntry entry, KeyValue? standing, CancellationToken ct) =>
        ValueTask.FromResult(standing is not null && entry.Remarks.Contains(Digest(standing.Value)));

    public void Settle(OutboxEntry entry, OutboxResult result)
    {
        // Nothing follows from it: what the store shows of this node's endpoints is kept true by whoever publishes them.
    }

    private static string Digest(ReadOnlyMemory<byte> value) => Convert.ToHexStringLower(SHA256.HashData(value.Span));
}
