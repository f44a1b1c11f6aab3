using System.Collections.Immutable;
using Calico.Datastore.Store;

namespace Calico.Ipam;

public sealed partial class NodeIpam
{
    /// <summary>Answers an operation from what this node holds. False: it is answered already, or needs the store.</summary>
    private async Task<bool> TryOfflineAsync(NodeOperation operation)
    {
        var (known, namespaceLabels) = await RecallAsync(operation.Namespace);
        LedgerEdit inverse;
        Task logged;
        object? answer;
        lock (_gate)
        {
            if (operation.State is OperationState.Abandoned or OperationState.Finished)
            {
                return false;
            }

            var isAmbiguous = operation is { State: OperationState.Committing, Plan.IsRefused: false };
            var plan = new OfflinePlan(_options.NodeName, _ledger, known, namespaceLabels, _busy, _time, _lastSequence, isAmbiguous);
            try
            {
                if (!IsPlanned(operation, plan))
                {
                    return false;
                }
            }
            catch (CalicoException e)
            {
                // What this node holds refuses it; whether that is so, the store decides if it answers.
                Log.OfflineRefused(_logger, e.Message);
                return false;
            }

            ImmutableArray<OutboxEntry> undo = isAmbiguous ? AddDoubts(operation, plan.Edit) : [];

            _lastSequence = plan.LastSequence;
            _ledger = plan.Edit.ApplyTo(_ledger, out inverse);
            answer = plan.Answer;
            operation.State = OperationState.Abandoned;
            _queue.Remove(operation);
            logged = _outbox.JournalAsync([.. undo, .. plan.Outgoing], LogOf(operation, plan.Edit, plan.Log), CancellationToken.None);
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

        operation.Complete(answer);
        return true;
    }

    /// <summary>Made under the lock, so an offline plan waits for nothing.</summary>
    private static bool IsPlanned(NodeOperation operation, OfflinePlan plan)
    {
        var planning = operation.PlanAsync(plan, CancellationToken.None);
        return planning.IsCompleted ? planning.GetAwaiter().GetResult()
            : throw new InvalidOperationException($"{operation.GetType().Name} waits for something without the store");
    }

    /// <summary>The caller has stopped waiting: nothing is to remain of the operation. False: it has been answered already.</summary>
    private async Task<bool> TryAbandonAsync(NodeOperation operation)
    {
        Task logged;
        lock (_gate)
        {
            if (operation.State is OperationState.Abandoned or OperationState.Finished)
            {
                return false;
            }

            var isCommitting = operation.State == OperationState.Committing;
            operation.State = OperationState.Abandoned;
            _queue.Remove(operation);
            if (!isCommitting)
            {
                return true;
            }

            logged = DoubtAsync(operation);
        }

        await logged;
        return true;
    }

    /// <summary>The store has failed a group: each is answered without it, or told so.</summary>
    private async Task EndWithoutStoreAsync(List<NodeOperation> group, Exception reason)
    {
        if (reason is CalicoException { Problem: Problem.Unavailable })
        {
            MarkDown(reason);
        }

        foreach (var operation in group.ToArray())
        {
            if (reason is CalicoException { Problem: Problem.Unavailable } && await TryOfflineAsync(operation))
            {
                continue;
            }

            var logged = Task.CompletedTask;
            lock (_gate)
            {
                if (operation.State is OperationState.Abandoned or OperationState.Finished)
                {
                    continue;
                }

                if (operation.State == OperationState.Committing)
                {
                    logged = DoubtAsync(operation);
                }

                operation.State = OperationState.Finished;
            }

            await FailAsync(operation, reason, logged);
        }

        lock (_gate)
        {
            _busy = [];
        }
    }

    private async Task FailAsync(NodeOperation operation, Exception reason, Task logged)
    {
        try
        {
            await logged;
        }
        catch (CalicoException e)
        {
            Log.DoubtNotLogged(_logger, e.Message);
        }

        operation.Fail(reason is CalicoException { Problem: Problem.Unavailable } unavailable
            ? new CalicoException(Problem.Unavailable,
                $"the store does not answer and no reserve address of node {_options.NodeName} fits: {unavailable.Message}", inner: unavailable)
            : reason);
    }

    /// <summary>Takes what an unanswered transaction may have done as doubtful, at once in memory. Guarded by the lock.</summary>
    /// <returns>Ends when the log says so too.</returns>
    private Task DoubtAsync(NodeOperation operation)
    {
        var edit = new LedgerEdit();
        var undo = AddDoubts(operation, edit);
        _ledger = edit.ApplyTo(_ledger, out _);
        return _outbox.JournalAsync(undo, LogOf(operation, edit, []), CancellationToken.None);
    }

    /// <summary>Journals as doubtful what an unanswered transaction may have taken or freed for the operation. Guarded by the lock.</summary>
    /// <returns>What takes back the keys that it may have put for an answer that nobody got.</returns>
    private ImmutableArray<OutboxEntry> AddDoubts(NodeOperation operation, LedgerEdit edit)
    {
        var plan = operation.Plan!;
        if (plan.IsRefused)
        {
            return [];
        }

        var mayBeTaken = false;
        foreach (var acquired in plan.Acquired)
        {
            var lease = _ledger.Leases.GetValueOrDefault(acquired.Address);
            var parked = _ledger.Parked.GetValueOrDefault(acquired.Address);
            if (lease?.Handle == acquired.Handle)
            {
                // Taken again for the very lease that has it: it stays, whichever way the transaction went.
                continue;
            }

            // An address that was ours under another handle is under one or the other now, and all of them are over. One transaction may
            // free an address and take it again, so the former handle may be that of a release, too.
            var former = _ledger.Releases.GetValueOrDefault(acquired.Address) ?? parked ?? (lease is null ? null : new HeldAddress
            {
                Address = lease.Address,
                Block = lease.Block,
                Handle = lease.StoreHandle,
                Sequence = lease.StoreSequence,
                OrHandles = [lease.Handle],
            });
            var release = former ?? new HeldAddress
            {
                Address = acquired.Address.ToString(),
                Block = acquired.Block.ToString(),
                Handle = acquired.Handle,
                Sequence = acquired.Sequence,
            };
            edit.RemoveLease(acquired.Address);
            edit.RemoveParked(acquired.Address);
            edit.SetRelease(release with
            {
                IsDoubtful = true,
                OrHandles = [.. release.OrHandles, acquired.Handle],
            });
            mayBeTaken = true;
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

        return mayBeTaken ? [.. plan.Store.OfType<StoreOperation.Put>().Select(p => CompanionWrites.Undo(p, _outbox.Pending(p.Key))).OfType<OutboxEntry>()] : [];
    }

    /// <summary>What the log has to say of the operation in the end: the ledger's entries, and the other sections as they were before, or
    /// as the answer wants them.</summary>
    private ImmutableArray<NodeLogWrite> LogOf(NodeOperation operation, LedgerEdit edit, IReadOnlyCollection<NodeLogWrite> log)
    {
        var planned = operation.Plan?.Edit.AsIn(_ledger) ?? NoEdit;
        var wanted = log.Select(w => w.Key).ToHashSet(StringComparer.Ordinal);
        var before = (operation.Plan?.LogBefore ?? []).Where(w => !wanted.Contains(w.Key));
        return [.. planned.ToLog().Concat(edit.ToLog()).Concat(before).Concat(log).GroupBy(w => w.Key).Select(g => g.Last())];
    }

    private void MarkDown(Exception reason)
    {
        int reserve;
        lock (_gate)
        {
            var isNew = _downSince is null;
            (_whyDown, _isRefused) = (reason.Message, StoreRefusedException.Is(reason));
            _downSince = _time.GetTimestamp();
            reserve = _ledger.Parked.Count + _ledger.Releases.Values.Count(r => !r.IsDoubtful);
            if (!isNew)
            {
                return;
            }
        }

        Log.StoreDown(_logger, reserve, reason.Message);
    }
}
