using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Store;

namespace Calico.Ipam;

public sealed partial class NodeIpam
{
    /// <summary>Whether the store is not known to have lost anything of this node.</summary>
    public bool IsSettled => !MustVerify;

    /// <summary>Whether something of this node is known to be missing in the store.</summary>
    private bool MustVerify
    {
        get
        {
            lock (_gate)
            {
                return _doubts != _settledDoubts;
            }
        }
    }

    private bool IsVerificationDue
    {
        get
        {
            lock (_gate)
            {
                return _doubts != _settledDoubts || _verifiedAt is not { } at || _time.GetElapsedTime(at) >= _options.VerifyInterval;
            }
        }
    }

    /// <summary>Replays the journal, and compares the log with the store if that is due.</summary>
    private async Task VerifyAsync(CancellationToken ct)
    {
        try
        {
            if (!IsVerificationDue)
            {
                await SubmitAsync(new ReplayOperation(), ct);
                return;
            }

            for (var isPartial = true; isPartial;)
            {
                var (operation, doubts) = NewVerification();
                await SubmitAsync(operation, ct);
                isPartial = Conclude(await operation.Answer, doubts);
            }
        }
        catch (CalicoException e) when (e.Problem is Problem.Unavailable or Problem.Conflict or Problem.Damaged)
        {
            Log.MaintenanceWaits(_logger, e.Message);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The process ends; the next one compares.
        }
    }

    /// <summary>The same by the writer, before what waits: nothing is given out while addresses of this node may look free.</summary>
    private async Task VerifyFirstAsync(CancellationToken ct)
    {
        for (var isPartial = true; isPartial;)
        {
            var (operation, doubts) = NewVerification();
            List<NodeOperation> alone = [operation];
            try
            {
                await WriteGroupAsync(alone, ct);
            }
            catch (Exception e)
            {
                await EndAsync(alone, e);
                throw;
            }

            try
            {
                isPartial = Conclude(await operation.Answer, doubts);
            }
            catch (CalicoException e) when (e.Problem != Problem.Unavailable)
            {
                // What this node holds is not given out here in any case; the rest is for the next comparison.
                Log.MaintenanceWaits(_logger, e.Message);
                Settle(doubts);
                return;
            }
        }
    }

    private (VerifyOperation Operation, long Doubts) NewVerification()
    {
        lock (_gate)
        {
            // Once a comparison was made, everything in the ledger has been in the store.
            return (new VerifyOperation(() => _retakesUnbound), _doubts);
        }
    }

    /// <returns>Whether there is more to compare.</returns>
    private bool Conclude(VerifyOutcome outcome, long doubts)
    {
        foreach (var (lease, holder) in outcome.Lost)
        {
            Log.LeaseLost(_logger, lease.Address, lease.Handle, lease.Bound, holder);
        }

        if (outcome.Retaken > 0)
        {
            Log.Retaken(_logger, outcome.Retaken);
        }

        if (outcome.Adopted > 0)
        {
            Log.Adopted(_logger, outcome.Adopted);
        }

        if (!outcome.IsPartial)
        {
            KeepDamage(outcome.Damaged);
            Settle(doubts);
        }

        return outcome.IsPartial;
    }

    /// <summary>Says it once; the next comparison says whether it still is so.</summary>
    private void NoteDamage(string block, string reason)
    {
        lock (_gate)
        {
            if (_damaged.ContainsKey(block))
            {
                return;
            }

            _damaged = _damaged.SetItem(block, reason);
        }

        Log.BlockDamaged(_logger, block, reason);
    }

    private void KeepDamage(ImmutableSortedDictionary<string, string> damaged)
    {
        foreach (var (block, reason) in damaged)
        {
            NoteDamage(block, reason);
        }

        lock (_gate)
        {
            _damaged = damaged;
        }
    }

    private void Settle(long doubts)
    {
        lock (_gate)
        {
            _settledDoubts = doubts;
            _verifiedAt = _time.GetTimestamp();
            _retakesUnbound = true;
        }
    }

    /// <summary>Every transaction compares the host marker, so it has to exist: one that is absent can come and go without a trace. Where it
    /// is gone although this node has leases, the store has lost facts of this node.</summary>
    private async Task EnsureMarkerAsync(LeaseLedger ledger, CancellationToken ct)
    {
        if (_cache.TryGet(_marker, out var known) && known.ModRevision != 0)
        {
            return;
        }

        if (await _store.GetAsync(_marker, 0, ct) is { } stored)
        {
            _cache.Set(_marker, CachedValue.Of(stored));
            return;
        }

        await _store.CommitAsync(new([StoreCompare.Absent(_marker)], [new StoreOperation.Put(_marker, Encoding.UTF8.GetBytes("{}"))], []), ct);
        _cache.Forget(_marker);
        lock (_gate)
        {
            if (!ledger.Leases.IsEmpty)
            {
                _retakesUnbound = true;
                _doubts++;
            }
        }
    }
}
