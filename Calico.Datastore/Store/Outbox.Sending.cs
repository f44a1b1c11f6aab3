using System.Collections.Immutable;

namespace Calico.Datastore.Store;

/// <content>From the log to the store.</content>
public sealed partial class Outbox
{
    /// <summary>How long one entry may take that is sent under its owner's hold: an ADD or a DEL of the same may wait for that, so it is
    /// not long; a store that takes longer is as good as away.</summary>
    public static readonly TimeSpan SendPatience = TimeSpan.FromSeconds(1);

    /// <summary>Brings what the store missed of an owner's, in order. Called by the owner's loop.</summary>
    /// <returns>How many are over, written or not.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/>: the store is away; the rest waits.</exception>
    public async Task<int> SendAsync(IOutboxOwner owner, CancellationToken ct)
    {
        var over = 0;
        foreach (var batch in Batches(owner))
        {
            over += batch.Length > 1 && await TrySendTogetherAsync(owner, batch, ct) ? batch.Length : await SendEachAsync(owner, batch, ct);
        }

        if (over > 0)
        {
            Log.Sent(logger, over, owner.Name);
        }

        return over;
    }

    /// <summary>In order; only what needs no judgement and no hold goes together.</summary>
    private IEnumerable<ImmutableArray<OutboxEntry>> Batches(IOutboxOwner owner)
    {
        var batch = ImmutableArray.CreateBuilder<OutboxEntry>();
        foreach (var entry in PendingOf(owner))
        {
            if (batch.Count > 0 && (batch.Count == BatchSize || !IsPlain(owner, batch[^1]) || !IsPlain(owner, entry)))
            {
                yield return batch.DrainToImmutable();
            }

            batch.Add(entry);
        }

        if (batch.Count > 0)
        {
            yield return batch.ToImmutable();
        }
    }

    private static bool IsPlain(IOutboxOwner owner, OutboxEntry entry) => owner.IsAlone && entry.Guard == OutboxGuard.None;

    private async Task<bool> TrySendTogetherAsync(IOutboxOwner owner, ImmutableArray<OutboxEntry> batch, CancellationToken ct)
    {
        long revision;
        try
        {
            revision = (await store.CommitAsync(new([.. batch.Select(e => e.Operation)]), ct)).Revision;
        }
        catch (CalicoException e) when (e.Problem != Problem.Unavailable)
        {
            // One of them; they go on one by one.
            return false;
        }

        await SettleAsync(batch, ct);
        foreach (var entry in batch)
        {
            owner.Settle(entry, new(OutboxOutcome.Written, Revision: revision));
        }

        return true;
    }

    private async Task<int> SendEachAsync(IOutboxOwner owner, ImmutableArray<OutboxEntry> batch, CancellationToken ct)
    {
        var over = 0;
        foreach (var entry in batch)
        {
            over += await TrySendAsync(owner, entry, ct) ? 1 : 0;
        }

        return over;
    }

    private async Task<bool> TrySendAsync(IOutboxOwner owner, OutboxEntry entry, CancellationToken ct)
    {
        try
        {
            using var hold = owner.IsAlone ? null : await owner.HoldAsync(entry, ct);
            // What has taken its place meanwhile has its own turn.
            if (!ReferenceEquals(Pending(entry.Key), entry))
            {
                return false;
            }

            var result = await CommitOrRefuseAsync(owner, entry, ct);
            await SettleAsync([entry], ct);
            owner.Settle(entry, result);
            return true;
        }
        catch (CalicoException e) when (e.Problem != Problem.Unavailable)
        {
            NoteStuck(entry.Key, e.Message);
            return false;
        }
    }

    /// <summary>Said once for each reason.</summary>
    private void NoteStuck(string key, string reason)
    {
        lock (_gate)
        {
            if (_stuck.GetValueOrDefault(key) == reason)
            {
                return;
            }

            _stuck = _stuck.SetItem(key, reason);
        }

        Log.Later(logger, key, reason);
    }

    private async Task<OutboxResult> CommitOrRefuseAsync(IOutboxOwner owner, OutboxEntry entry, CancellationToken ct)
    {
        using var timeUp = new CancellationTokenSource(SendPatience, time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        try
        {
            return await CommitAsync(owner, entry, [], patience.Token);
        }
        catch (CalicoException e) when (e.Problem == Problem.Invalid)
        {
            Log.Refused(logger, entry.Key, e.Message);
            return new(OutboxOutcome.Refused, Reason: e.Message);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new CalicoException(Problem.Unavailable,
                $"the store did not take {entry.Key} within {SendPatience.TotalSeconds:0} s", inner: e);
        }
    }

    private Task SettleAsync(ImmutableArray<OutboxEntry> entries, CancellationToken ct)
    {
        lock (_gate)
        {
            return ChangeAsync([.. entries.Where(e => ReferenceEquals(Waiting.GetValueOrDefault(e.Key), e))
                .Select(e => (e.Key, (OutboxEntry?)null))], [], ct);
        }
    }

    /// <summary>Writes an entry if its guard allows it, with log writes in the same commit.</summary>
    private async Task<OutboxResult> CommitAsync(IOutboxOwner owner, OutboxEntry entry, ImmutableArray<NodeLogWrite> with,
        CancellationToken ct)
    {
        if (entry.Guard == OutboxGuard.None)
        {
            return new(OutboxOutcome.Written, Revision: (await CommitAsync(new(entry.Operation), with, ct)).Revision);
        }

        // Of a put it is taken that nothing stands: nearly always true, and compared.
        var standing = entry.Value is null ? await store.GetAsync(entry.Key, 0, ct) : null;
        var revision = 0L;
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (!(entry.Guard == OutboxGuard.Absent ? standing is null : await owner.MayWriteAsync(entry, standing, ct)))
            {
                return new(OutboxOutcome.Left, standing, revision);
            }

            var outcome = await CommitAsync(new([StoreCompare.At(entry.Key, standing?.ModRevision ?? 0)], [entry.Operation],
                [new StoreOperation.Get(entry.Key)]), with, ct);
            if (outcome.Succeeded)
            {
                return new(OutboxOutcome.Written, Revision: outcome.Revision);
            }

            (standing, revision) = (outcome.Results[0].FirstOrDefault(), outcome.Revision);
            if (entry.Value is null)
            {
                // What is deleted is what was looked at: who changed it meanwhile wants it.
                return new(OutboxOutcome.Left, standing, revision);
            }
        }

        throw new CalicoException(Problem.Conflict, $"{entry.Key} was changed by others {MaxAttempts} times while it was being written");
    }

    private Task<StoreOutcome> CommitAsync(StoreTransaction transaction, ImmutableArray<NodeLogWrite> with, CancellationToken ct) =>
        with.IsEmpty ? store.CommitAsync(transaction, ct) : log.CommitAsync(store, transaction, with, ct);
}
