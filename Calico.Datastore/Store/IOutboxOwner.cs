namespace Calico.Datastore.Store;

/// <summary>A part of the host that writes through the <see cref="Outbox"/>, and judges what it meets.</summary>
/// <remarks>Judging has no effect of its own: it may be asked several times for one entry.</remarks>
public interface IOutboxOwner
{
    /// <summary>Stands in the node log; never changes.</summary>
    string Name { get; }

    /// <summary>Whether nobody but the sender changes what its entries are about. They are then sent many at a time, and without
    /// <see cref="HoldAsync"/>.</summary>
    bool IsAlone { get; }

    /// <summary>Keeps others from changing what an entry is about while it is sent.</summary>
    Task<IDisposable> HoldAsync(OutboxEntry entry, CancellationToken ct);

    /// <summary>Whether an entry with <see cref="OutboxGuard.Owner"/> may be written over what stands.</summary>
    /// <param name="entry">The entry; one with a number comes from the node log, so what it was decided on may be long ago.</param>
    /// <param name="standing">Null: nothing stands there.</param>
    /// <param name="ct">Cancels.</param>
    ValueTask<bool> MayWriteAsync(OutboxEntry entry, KeyValue? standing, CancellationToken ct);

    /// <summary>A journalled entry is over, for good or ill. Called under what <see cref="HoldAsync"/> gave.</summary>
    void Settle(OutboxEntry entry, OutboxResult result);
}
