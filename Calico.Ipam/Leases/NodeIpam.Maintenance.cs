using System.Collections.Immutable;
using System.Net;
using System.Text;
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

            await RefillAsync(await KeepFactsAsync(ct), ct);
            await CollectAsync(ct);
            await SweepAsync(ct);
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

    /// <summary>Brings the store to what was answered without it. Only the writer calls this.</summary>
    private async Task ReplayAsync(CancellationToken ct)
    {
        LeaseLedger ledger;
        lock (_gate)
        {
            ledger = _ledger;
        }

        if (ledger.Releases.Values.Any(r => r is { IsDoubtful: true, IsAside: false }) || (ledger.Offline > 0 && ledger.Leases.Values.Any(l => l.IsAttempted))
            || _outbox.PendingOf(_outgoing).Any(e => e.Guard != OutboxGuard.None))
        {
            // The fence: every transaction compares this key, so one that is still under way cannot take after this.
            await _store.CommitAsync(new(new StoreOperation.Put(_marker, Encoding.UTF8.GetBytes("{}"))), ct);
            _cache.Clear();
        }

        // Before the addresses: none is free while the store shows an endpoint with it.
        await _outbox.SendAsync(_outgoing, ct);

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
        var releases = ledger.Releases.Values.Where(r => !r.IsAside).Take(ReplayBatch).ToImmutableArray();
        var leases = releases.Length == ReplayBatch ? [] : ledger.Leases.Values.Where(l => l.IsPending).Take(ReplayBatch - releases.Length).ToImmutableArray();
        var change = new IpamChange(_store, _cache);
        await change.GuardAsync(_marker, ct);
        var plan = new OnlinePlan(_options.NodeName, change, _facts, _time, ledger, IsRecentlyFreed);
        var lost = new List<(LeaseRecord Lease, string Holder)>();
        foreach (var release in releases)
        {
            try
            {
                await ReleaseAsync(plan, release, ct);
                plan.Edit.RemoveRelease(release.Ip);
            }
            catch (CalicoException e) when (e.Problem == Problem.Damaged)
            {
                plan.Edit.SetRelease(release with { IsAside = true });
                NoteDamage(release.Block, e.Message);
            }
        }

        foreach (var lease in leases)
        {
            try
            {
                if (await SyncAsync(plan, lease, ct) is { } holder)
                {
                    plan.Edit.RemoveLease(lease.Ip);
                    lost.Add((lease, holder));
                }
            }
            catch (CalicoException e) when (e.Problem == Problem.Damaged)
            {
                plan.Edit.Set(lease with { IsAside = true });
                NoteDamage(lease.Block, e.Message);
            }
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
        var transaction = change.Build([]);
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

        bool succeeded;
        try
        {
            succeeded = await committing is { Succeeded: true };
        }
        catch (CalicoException e) when (StoreRefusedException.Is(e))
        {
            await UnmarkAsync(unmark, marked);
            throw;
        }

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
        lost.ForEach(l => Log.LeaseLost(_logger, l.Lease.Address, l.Lease.Handle, l.Lease.Bound, l.Holder));
        Log.Replayed(_logger, releases.Length, leases.Length - lost.Count);
    }

    /// <summary>The store did not take a replay: what was marked as doubtful for it is not.</summary>
    private async Task UnmarkAsync(LedgerEdit unmark, LeaseLedger marked)
    {
        Task logged;
        lock (_gate)
        {
            _busy = [];
            var undone = unmark.Since(marked, _ledger);
            _ledger = undone.ApplyTo(_ledger, out _);
            logged = _log.CommitAsync(undone.ToLog(), CancellationToken.None);
        }

        await logged;
    }

    private static async Task ReleaseAsync(OnlinePlan plan, HeldAddress release, CancellationToken ct)
    {
        if (await plan.ReleaseAsync(release.Ip, release.Handle, release.Sequence, ct) is null
            && await plan.FindAsync(release.Ip, ct) is { } found && found.Block.AttributeOf(found.Ordinal) is { HandleId: { } handle } attribute
            && release.OrHandles.Contains(handle) && LeaseRecord.NodeOf(attribute) == plan.Node)
        {
            await plan.ReleaseAsync(release.Ip, handle, found.Block.SequenceOf(found.Ordinal) ?? 0, ct);
        }
    }

    /// <summary>Makes the store show a lease as it is.</summary>
    /// <returns>Who has the address, if that is another; null: it is done.</returns>
    private static async Task<string?> SyncAsync(OnlinePlan plan, LeaseRecord lease, CancellationToken ct)
    {
        var synced = lease with { IsOffline = false, IsAttempted = false };
        if (await plan.FindAsync(lease.Ip, ct) is not var (block, ordinal) || block.AttributeOf(ordinal) is not { ReleasedAt: null } attribute)
        {
            await plan.RetakeAsync(synced, ct);
            return null;
        }

        var sequence = block.SequenceOf(ordinal) ?? 0;
        if (plan.IsOurs(block, ordinal, lease))
        {
            plan.Change.Put(block.Reassign(ordinal, lease.ToAttribute(plan.Node), isNewOwner: false));
            plan.Edit.Set(synced with { Block = block.Cidr.ToString(), StoreHandle = lease.Handle, StoreSequence = sequence });
            return null;
        }

        if (attribute.HandleId != lease.StoreHandle || sequence != lease.StoreSequence)
        {
            return LeaseRecord.DescribeHolder(attribute);
        }

        var over = await plan.TakeOverAsync(block, ordinal, synced, ct);
        plan.Edit.Set(over with { Sequence = lease.Sequence });
        return null;
    }

    private async Task RefillAsync(KnownFacts known, CancellationToken ct)
    {
        foreach (var version in new[] { 4, 6 })
        {
            ILookup<bool, HeldAddress> parked;
            lock (_gate)
            {
                parked = _ledger.Parked.Values.Where(p => Cidr.From(p.Ip).Version == version).ToLookup(p => IsFit(known, p));
            }

            var (fit, unfit) = (parked[true].Count(), parked[false].Count());
            if (unfit == 0 && (fit == _options.ParkedAddresses
                || (fit < _options.ParkedAddresses && !known.Pools.Any(p => p.Cidr.Version == version && !p.Disabled && !p.IsManual))))
            {
                continue;
            }

            try
            {
                await SubmitAsync(new ParkOperation(version, _options.ParkedAddresses, p => IsFit(known, p)), ct);
            }
            catch (CalicoException e) when (e.Problem is not Problem.Unavailable)
            {
                Log.ReserveShort(_logger, version, e.Message);
            }
        }
    }

    /// <summary>Whether a reserve address could be given to anybody; those of a pool that is gone are not kept.</summary>
    private bool IsFit(KnownFacts known, HeldAddress parked)
    {
        try
        {
            return known.Allows(parked, [], null);
        }
        catch (CalicoException e)
        {
            // A malformed selector refuses claims too; the address waits until a person has mended it.
            Log.ReserveShort(_logger, Cidr.From(parked.Ip).Version, e.Message);
            return true;
        }
    }

    /// <summary>Gives back what nodes that are gone had in reserve; whoever comes first does it.</summary>
    private async Task SweepAsync(CancellationToken ct)
    {
        if (_sweptAt is { } at && _time.GetElapsedTime(at) < _options.SweepInterval)
        {
            return;
        }

        _sweptAt = _time.GetTimestamp();
        try
        {
            foreach (var node in await new IpamClient(_store, _facts, _time).ReleaseDeadReservesAsync(ct))
            {
                Log.ReserveFreed(_logger, node);
            }
        }
        catch (CalicoException e) when (e.Problem is Problem.Conflict or Problem.NotFound or Problem.Damaged)
        {
            // Another was faster, or a person has to mend a block first.
            Log.MaintenanceWaits(_logger, e.Message);
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
    private sealed class ReplayOperation : StoreOnlyOperation<bool>
    {
        public override IEnumerable<string> Scopes => [];

        protected override Task PlanAsync(OnlinePlan plan, CancellationToken ct) => Task.CompletedTask;
    }
}
