using System.Collections.Immutable;
using System.Net;
using System.Text;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Store;

namespace Calico.Ipam;

public sealed partial class NodeIpam
{
    private const int ReplayBatch = 40;

    /// <summary>Replays what the store missed, compares the log with it once, keeps the reserve full, and collects unbound leases that
    /// nobody uses. Called every so often and when the store returns; with a dead store it does nothing.</summary>
    public async Task MaintainAsync(CancellationToken ct)
    {
        try
        {
            await VerifyAsync(ct);
            if (!IsStoreReachable)
            {
                return;
            }

            await KeepPoolsAsync(ct);
            await RefillAsync(ct);
            await CollectAsync(ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.Unavailable)
        {
            Log.MaintenanceWaits(_logger, e.Message);
        }

        foreach (var (address, at) in _freedAt)
        {
            if (_time.GetElapsedTime(at) >= _options.CoolDownPreference)
            {
                _freedAt.TryRemove(KeyValuePair.Create(address, at));
            }
        }
    }

    /// <summary>Replays the journal, and compares the log with the store if that has not been done.</summary>
    private async Task VerifyAsync(CancellationToken ct)
    {
        bool isVerified;
        lock (_gate)
        {
            isVerified = _isVerified;
        }

        var operation = isVerified ? (NodeOperation)new ReplayOperation() : new VerifyOperation();
        try
        {
            await SubmitAsync(operation, ct);
        }
        catch (CalicoException e) when (e.Problem is Problem.Unavailable or Problem.Conflict or Problem.Damaged)
        {
            Log.MaintenanceWaits(_logger, e.Message);
            return;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return;
        }

        if (operation is VerifyOperation verify)
        {
            var outcome = await verify.Answer;
            foreach (var lease in outcome.Lost)
            {
                Log.LeaseLost(_logger, lease.Address, lease.Handle, lease.Bound);
            }

            if (outcome.Adopted > 0)
            {
                Log.Adopted(_logger, outcome.Adopted);
            }

            lock (_gate)
            {
                _isVerified = true;
            }
        }
    }

    /// <summary>Brings the store to what was answered without it. Only the writer calls this.</summary>
    private async Task ReplayAsync(CancellationToken ct)
    {
        LeaseLedger ledger;
        lock (_gate)
        {
            ledger = _ledger;
        }

        if (ledger.Releases.Values.Any(r => r.IsDoubtful) || (ledger.Offline > 0 && ledger.Leases.Values.Any(l => l.IsAttempted)))
        {
            // The fence: every transaction compares this key, so one that is still under way cannot take after this.
            await _store.CommitAsync(new(new StoreOperation.Put(_marker, Encoding.UTF8.GetBytes("{}"))), ct);
            _cache.Clear();
            foreach (var undo in ledger.Releases.Values.SelectMany(r => r.Undo))
            {
                await _store.CommitAsync(new([new(undo.Key, CompareTarget.Value, CompareResult.Equal, 0, undo.Value)],
                    [new StoreOperation.Delete(undo.Key)], []), ct);
            }
        }

        for (var attempt = 0; ledger.HasJournal; attempt++)
        {
            if (attempt == Attempts)
            {
                throw new CalicoException(Problem.Conflict, "Max retries hit - excessive concurrent IPAM requests");
            }

            await ReplayPartAsync(ledger, ct);
            lock (_gate)
            {
                ledger = _ledger;
            }
        }
    }

    private async Task ReplayPartAsync(LeaseLedger ledger, CancellationToken ct)
    {
        var releases = ledger.Releases.Values.Take(ReplayBatch).ToImmutableArray();
        var leases = releases.Length == ReplayBatch ? [] : ledger.Leases.Values.Where(l => l.IsOffline).Take(ReplayBatch - releases.Length).ToImmutableArray();
        var writes = releases.Length + leases.Length == ReplayBatch ? [] : FirstOf(ledger.Writes.Values);
        var change = new IpamChange(_store, _cache);
        await change.GuardAsync(_marker, ct);
        var plan = new OnlinePlan(_options.NodeName, change, _facts, _time, ledger, IsRecentlyFreed);
        var lost = new List<LeaseRecord>();
        foreach (var release in releases)
        {
            if (await plan.ReleaseAsync(release.Ip, release.Handle, release.Sequence, ct) is null
                && await plan.FindAsync(release.Ip, ct) is { } found && found.Block.AttributeOf(found.Ordinal) is { HandleId: { } handle } attribute
                && release.OrHandles.Contains(handle) && LeaseRecord.NodeOf(attribute) == plan.Node)
            {
                await plan.ReleaseAsync(release.Ip, handle, found.Block.SequenceOf(found.Ordinal) ?? 0, ct);
            }

            plan.Edit.RemoveRelease(release.Ip);
        }

        foreach (var lease in leases)
        {
            if (!await SyncAsync(plan, lease, ct))
            {
                plan.Edit.RemoveLease(lease.Ip);
                lost.Add(lease);
            }
        }

        foreach (var entry in writes)
        {
            plan.Edit.RemoveWrites(entry.Number);
        }

        // What is freed here may be somebody else's before the answer comes: from now on it is doubtful.
        var marks = new LedgerEdit();
        foreach (var release in releases.Where(r => !r.IsDoubtful))
        {
            marks.SetRelease(release with { IsDoubtful = true });
        }

        foreach (var lease in leases.Where(l => !l.IsAttempted))
        {
            marks.Set(lease with { IsAttempted = true });
        }

        LedgerEdit unmark;
        LeaseLedger marked;
        Task<StoreOutcome?> committing;
        var transaction = change.Build(Coalesce(writes));
        lock (_gate)
        {
            if (!ReferenceEquals(ledger, _ledger))
            {
                return;
            }

            _busy = [.. plan.Edit.Addresses];
            _ledger = marked = marks.ApplyTo(ledger, out unmark);
            committing = CommitOrDistrustAsync(change, transaction, marks.ToLog(), ct);
        }

        var succeeded = await committing is { Succeeded: true };
        Task logged;
        lock (_gate)
        {
            _busy = [];
            var done = succeeded ? plan.Edit.Since(marked, _ledger) : unmark.Since(marked, _ledger);
            _ledger = done.ApplyTo(_ledger, out _);
            // A refused transaction has taken the marks back by itself.
            logged = succeeded ? _log.CommitAsync(done.ToLog(), CancellationToken.None) : Task.CompletedTask;
        }

        await logged;
        if (!succeeded)
        {
            return;
        }

        plan.Freed.ForEach(a => _freedAt[a] = _time.GetTimestamp());
        lost.ForEach(l => Log.LeaseLost(_logger, l.Address, l.Handle, l.Bound));
        Log.Replayed(_logger, releases.Length, leases.Length - lost.Count, writes.Length);
    }

    /// <summary>Makes the store show a lease as it is.</summary>
    /// <returns>False: the address is another's.</returns>
    private static async Task<bool> SyncAsync(OnlinePlan plan, LeaseRecord lease, CancellationToken ct)
    {
        var synced = lease with { IsOffline = false, IsAttempted = false };
        var block = await plan.Change.BlockAsync(lease.Cidr, ct);
        var ordinal = block?.OrdinalOf(lease.Ip) ?? 0;
        if (block?.AttributeOf(ordinal) is not { ReleasedAt: null } attribute)
        {
            try
            {
                var taken = await plan.TakeFreeAsync(synced, ct);
                plan.Edit.Set(taken with { Sequence = lease.Sequence });
                return true;
            }
            catch (CalicoException e) when (e.Problem != Problem.Unavailable)
            {
                return false;
            }
        }

        var sequence = block.SequenceOf(ordinal) ?? 0;
        if (attribute.HandleId == lease.Handle && LeaseRecord.NodeOf(attribute) == plan.Node)
        {
            plan.Change.Put(block.Reassign(ordinal, lease.ToAttribute(plan.Node), isNewOwner: false));
            plan.Edit.Set(synced with { StoreHandle = lease.Handle, StoreSequence = sequence });
            return true;
        }

        if (attribute.HandleId != lease.StoreHandle || sequence != lease.StoreSequence)
        {
            return false;
        }

        var over = await plan.TakeOverAsync(block, ordinal, synced, ct);
        plan.Edit.Set(over with { Sequence = lease.Sequence });
        return true;
    }

    private static ImmutableArray<JournalledWrites> FirstOf(IEnumerable<JournalledWrites> journal)
    {
        var count = 0;
        return [.. journal.TakeWhile(j => (count += j.Writes.Length) <= ReplayBatch || count == j.Writes.Length)];
    }

    /// <summary>One write of each key, the last.</summary>
    private static ImmutableArray<StoreOperation> Coalesce(ImmutableArray<JournalledWrites> journal) =>
        [.. journal.SelectMany(j => j.Writes).GroupBy(w => (w.Key, w.IsPrefix)).Select(g => g.Last()).Select(w =>
            w.IsPrefix ? new StoreOperation.DeletePrefix(w.Key)
            : w.Value is { } value ? new StoreOperation.Put(w.Key, value)
            : (StoreOperation)new StoreOperation.Delete(w.Key))];

    /// <summary>Logs the pools, so that names mean something when the store is dead at the next start.</summary>
    private async Task KeepPoolsAsync(CancellationToken ct)
    {
        ImmutableArray<LoggedPool> pools = [.. (await _facts.PoolsAsync(ct)).Select(p => new LoggedPool(p.Name, p.Cidr.ToString(), p.BlockSize, p.Disabled))];
        lock (_gate)
        {
            if (_pools.SequenceEqual(pools))
            {
                return;
            }

            _pools = pools;
        }

        await _log.CommitAsync([new(LeaseLedger.Section + "pools", JsonSerializer.SerializeToUtf8Bytes(pools, LeaseJson.Default.ImmutableArrayLoggedPool))], ct);
    }

    private async Task RefillAsync(CancellationToken ct)
    {
        foreach (var version in new[] { 4, 6 })
        {
            int parked;
            lock (_gate)
            {
                parked = _ledger.Parked.Keys.Count(a => Cidr.From(a).Version == version);
            }

            if (parked == _options.ParkedAddresses
                || (parked < _options.ParkedAddresses && !(await _facts.PoolsAsync(ct)).Any(p => p.Cidr.Version == version && !p.Disabled && !p.IsManual)))
            {
                continue;
            }

            try
            {
                await SubmitAsync(new ParkOperation(version, _options.ParkedAddresses), ct);
            }
            catch (CalicoException e) when (e.Problem is not Problem.Unavailable)
            {
                Log.ReserveShort(_logger, version, e.Message);
            }
        }
    }

    private async Task CollectAsync(CancellationToken ct)
    {
        ImmutableArray<LeaseRecord> unbound;
        lock (_gate)
        {
            unbound = [.. _ledger.Leases.Values.Where(l => l is { Bound: null, Purpose: LeasePurpose.Endpoint })];
        }

        // Ages are counted from when this process first saw the lease unbound, so a jump of the clock ends none, and a restart only delays.
        var seen = unbound.Select(l => (l.Ip, l.Sequence)).ToHashSet();
        foreach (var gone in _unboundSince.Keys.Where(a => !seen.Contains(a)))
        {
            _unboundSince.TryRemove(gone, out _);
        }

        foreach (var record in unbound)
        {
            var since = _unboundSince.GetOrAdd((record.Ip, record.Sequence), _ => _time.GetTimestamp());
            if (_time.GetElapsedTime(since) < _options.UnboundGrace || _options.IsInUse?.Invoke(record.ToLease()) == true)
            {
                continue;
            }

            if (await ReleaseAsync(record.Adapter, record.ToLease(), ct) == ReleaseOutcome.Released)
            {
                Log.Collected(_logger, record.Address, record.Handle, record.Since);
            }
        }
    }

    /// <summary>Makes the writer run once, so that it replays.</summary>
    private sealed class ReplayOperation : NodeOperation<bool>
    {
        public override IEnumerable<string> Scopes => [];

        public override Task PlanAsync(OnlinePlan plan, CancellationToken ct) => Task.CompletedTask;

        public override bool TryPlanOffline(OfflinePlan plan) => false;
    }
}
