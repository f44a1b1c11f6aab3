using System.Collections.Immutable;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <content>Answers without the store, and what is doubtful after a store that did not answer.</content>
internal sealed partial class LeaseTable
{
    /// <summary>Answers an operation from what this node holds.</summary>
    /// <returns>False: it is answered already, or needs the store.</returns>
    public async Task<bool> TryAnswerAsync(NodeOperation operation, KnownFacts known, IReadOnlyDictionary<string, string>? namespaceLabels)
    {
        LedgerEdit inverse;
        Task logged;
        OfflinePlan plan;
        lock (_gate)
        {
            if (IsOver(operation) || TryPlan(operation, known, namespaceLabels) is not { } planned)
            {
                return false;
            }

            plan = planned;
            var undo = IsAmbiguous(operation) ? AddDoubts(operation, plan.Edit) : [];
            _lastSequence = plan.LastSequence;
            _ledger = plan.Edit.ApplyTo(_ledger, out inverse);
            operation.State = OperationState.Abandoned;
            logged = _basis.Outbox.JournalAsync([.. undo, .. plan.Outgoing], LogOf(operation, plan.Edit, plan.Log), CancellationToken.None);
        }

        try
        {
            await logged;
        }
        catch (CalicoException e)
        {
            lock (_gate)
            {
                _ledger = inverse.ApplyTo(_ledger, out _);
            }

            operation.Fail(e);
            return true;
        }

        operation.Complete(plan.Answer);
        return true;
    }

    /// <summary>Takes those out of a group that do not wait any more.</summary>
    public void Drop(List<NodeOperation> group)
    {
        lock (_gate)
        {
            group.RemoveAll(IsOver);
        }
    }

    /// <summary>The caller has stopped waiting: nothing is to remain of the operation.</summary>
    /// <returns>False: it has been answered already.</returns>
    public async Task<bool> TryAbandonAsync(NodeOperation operation)
    {
        Task logged;
        lock (_gate)
        {
            if (IsOver(operation))
            {
                return false;
            }

            logged = operation.State == OperationState.Committing ? DoubtAsync(operation) : Task.CompletedTask;
            operation.State = OperationState.Abandoned;
        }

        await logged;
        return true;
    }

    /// <summary>The store has failed an operation that nothing here can answer: what a transaction may have taken for it is doubtful.
    /// </summary>
    /// <returns>Ends when the log says so too. Null: it has been answered.</returns>
    public Task? TryEnd(NodeOperation operation)
    {
        lock (_gate)
        {
            if (IsOver(operation))
            {
                return null;
            }

            var logged = operation.State == OperationState.Committing ? DoubtAsync(operation) : Task.CompletedTask;
            operation.State = OperationState.Finished;
            return logged;
        }
    }

    /// <summary>Whether a transaction may have done it.</summary>
    private static bool IsAmbiguous(NodeOperation operation) => operation is { State: OperationState.Committing, Plan.IsRefused: false };

    private OfflinePlan? TryPlan(NodeOperation operation, KnownFacts known, IReadOnlyDictionary<string, string>? namespaceLabels)
    {
        var plan = new OfflinePlan(_basis.Options.NodeName, _ledger, known, namespaceLabels, _busy, _basis.Time, _lastSequence,
            IsAmbiguous(operation));
        try
        {
            // Under the lock: an offline plan waits for nothing.
            var planning = operation.PlanAsync(plan, CancellationToken.None);
            var isPlanned = planning.IsCompleted ? planning.GetAwaiter().GetResult()
                : throw new InvalidOperationException($"{operation.GetType().Name} waits for something without the store");
            return isPlanned ? plan : null;
        }
        catch (CalicoException e)
        {
            // What this node holds refuses it; whether that is so, the store decides if it answers.
            Log.OfflineRefused(_basis.Logger, e.Message);
            return null;
        }
    }

    /// <summary>Takes what an unanswered transaction may have done as doubtful, at once in memory.</summary>
    private Task DoubtAsync(NodeOperation operation)
    {
        var edit = new LedgerEdit();
        var undo = AddDoubts(operation, edit);
        _ledger = edit.ApplyTo(_ledger, out _);
        return _basis.Outbox.JournalAsync(undo, LogOf(operation, edit, []), CancellationToken.None);
    }

    /// <summary>Journals as doubtful what an unanswered transaction may have taken or freed for the operation.</summary>
    /// <returns>What takes back the keys that it may have put for an answer that nobody got.</returns>
    private ImmutableArray<OutboxEntry> AddDoubts(NodeOperation operation, LedgerEdit edit)
    {
        var plan = operation.Plan!;
        if (plan.IsRefused)
        {
            return [];
        }

        // One that is taken again for the very lease that has it stays, whichever way the transaction went.
        var acquired = plan.Acquired.FindAll(a => _ledger.Leases.GetValueOrDefault(a.Address)?.Handle != a.Handle);
        foreach (var taken in acquired)
        {
            var release = FormerOf(taken);
            edit.RemoveLease(taken.Address);
            edit.RemoveParked(taken.Address);
            edit.SetRelease(release with { IsDoubtful = true, OrHandles = [.. release.OrHandles, taken.Handle] });
        }

        foreach (var address in plan.Edit.ParkedRemoved.Where(a => plan.Acquired.TrueForAll(q => !q.Address.Equals(a))))
        {
            // Perhaps freed: not to be given out from here again.
            if (_ledger.Parked.TryGetValue(address, out var surplus))
            {
                edit.RemoveParked(address);
                edit.SetRelease(surplus with { IsDoubtful = true });
            }
        }

        return acquired.Count == 0 ? []
            : [.. plan.Store.OfType<StoreOperation.Put>().Select(p => CompanionWrites.Undo(p, _basis.Outbox.Pending(p.Key)))
                .OfType<OutboxEntry>()];
    }

    /// <summary>An address that was ours under another handle is under one or the other now, and all of them are over. One transaction may
    /// free an address and take it again, so the former handle may be that of a release, too.</summary>
    private HeldAddress FormerOf(AcquiredAddress taken) =>
        _ledger.Releases.GetValueOrDefault(taken.Address) ?? _ledger.Parked.GetValueOrDefault(taken.Address)
            ?? (_ledger.Leases.GetValueOrDefault(taken.Address) is { } lease
            ? new()
            {
                Address = lease.Address,
                Block = lease.Block,
                Handle = lease.StoreHandle,
                Sequence = lease.StoreSequence,
                OrHandles = [lease.Handle],
            }
            : new()
            {
                Address = taken.Address.ToString(),
                Block = taken.Block.ToString(),
                Handle = taken.Handle,
                Sequence = taken.Sequence,
            });

    /// <summary>What the log has to say of the operation in the end: the ledger's entries, and the other sections as they were before, or
    /// as the answer wants them.</summary>
    private ImmutableArray<NodeLogWrite> LogOf(NodeOperation operation, LedgerEdit edit, IReadOnlyCollection<NodeLogWrite> log)
    {
        var planned = operation.Plan?.Edit.AsIn(_ledger) ?? NoEdit;
        var wanted = log.Select(w => w.Key).ToHashSet(StringComparer.Ordinal);
        var before = (operation.Plan?.LogBefore ?? []).Where(w => !wanted.Contains(w.Key));
        return [.. planned.ToLog().Concat(edit.ToLog()).Concat(before).Concat(log).GroupBy(w => w.Key).Select(g => g.Last())];
    }
}
