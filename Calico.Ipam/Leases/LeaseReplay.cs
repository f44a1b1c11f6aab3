using System.Collections.Immutable;
using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>Brings the store to what was answered without it: the fence, companions, then releases and leases. Only the writer does this.
/// </summary>
internal sealed partial class LeaseReplay(LeaseBasis basis, LeaseTable table, HostMarker marker, LeaseFacts facts,
    LeaseComparison comparison)
{
    private const int Batch = 40;

    /// <summary>All that waits.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var ledger = table.Ledger;
        if (IsFenceNeeded(ledger))
        {
            await marker.RewriteAsync(ct);
            basis.Cache.Clear();
        }

        // Before the addresses: none is free while the store shows an endpoint with it.
        await basis.Outbox.SendAsync(basis.Companions, ct);
        for (var attempt = 0; ledger.HasJournal; attempt++)
        {
            if (attempt == GroupCommit.Attempts)
            {
                throw GroupCommit.TooManyRivals();
            }

            await RunPartAsync(ledger, ct);
            ledger = table.Ledger;
        }
    }

    /// <summary>Whether a transaction may be under way that could take what is read back now.</summary>
    private bool IsFenceNeeded(LeaseLedger ledger) =>
        ledger.Releases.Values.Any(r => r is { IsDoubtful: true, IsAside: false })
        || (ledger.Offline > 0 && ledger.Leases.Values.Any(l => l.IsAttempted))
        || basis.Waiting.Any(e => e.Guard != OutboxGuard.None);

    private async Task RunPartAsync(LeaseLedger ledger, CancellationToken ct)
    {
        var releases = ledger.Releases.Values.Where(r => !r.IsAside).Take(Batch).ToImmutableArray();
        var leases = releases.Length == Batch ? [] : ledger.Leases.Values.Where(l => l.IsPending).Take(Batch - releases.Length)
            .ToImmutableArray();
        var change = new IpamChange(basis.Store, basis.Cache);
        await change.GuardAsync(basis.Marker, ct);
        var plan = new OnlinePlan(basis.Options.NodeName, change, facts.Source, basis.Time, ledger, basis.Freed.Contains);
        foreach (var release in releases)
        {
            await PlanAsync(plan, release, ct);
        }

        var lost = new List<(LeaseRecord Lease, string Holder)>();
        foreach (var lease in leases)
        {
            await PlanAsync(plan, lease, lost, ct);
        }

        var transaction = change.Build([]);
        if (table.TryMark(ledger, plan.Edit, Marks(releases, leases),
            writes => basis.CommitAsync(change, transaction, writes, ct)) is not { } marked)
        {
            return;
        }

        if (!await IsTakenAsync(marked, plan.Edit))
        {
            return;
        }

        basis.Freed.Note(plan.Freed);
        lost.ForEach(l => comparison.NoteLost(l.Lease, l.Holder));
        Log.Replayed(basis.Logger, releases.Length, leases.Length - lost.Count);
    }

    private async Task<bool> IsTakenAsync(MarkedLedger marked, LedgerEdit done)
    {
        bool isTaken;
        try
        {
            isTaken = await marked.Committing is { Succeeded: true };
        }
        catch (CalicoException e) when (StoreRefusedException.Is(e))
        {
            // What was marked as doubtful for it is not.
            await table.SettleAsync(marked, marked.Unmark, isToLog: true);
            throw;
        }

        await table.SettleAsync(marked, isTaken ? done : marked.Unmark, isToLog: isTaken);
        return isTaken;
    }

    private static LedgerEdit Marks(ImmutableArray<HeldAddress> releases, ImmutableArray<LeaseRecord> leases)
    {
        var marks = new LedgerEdit();
        foreach (var release in releases.Where(r => !r.IsDoubtful))
        {
            marks.SetRelease(release with { IsDoubtful = true });
        }

        foreach (var lease in leases.Where(l => !l.IsAttempted))
        {
            marks.Set(lease with { IsAttempted = true });
        }

        return marks;
    }

    private async Task PlanAsync(OnlinePlan plan, HeldAddress release, CancellationToken ct)
    {
        try
        {
            if (await plan.ReleaseAsync(release.Ip, release.Handle, release.Sequence, ct) is null
                && await plan.FindAsync(release.Ip, ct) is { } found
                && found.Block.AttributeOf(found.Ordinal) is { HandleId: { } handle } attribute
                && release.OrHandles.Contains(handle) && LeaseRecord.NodeOf(attribute) == plan.Node)
            {
                await plan.ReleaseAsync(release.Ip, handle, found.Block.SequenceOf(found.Ordinal) ?? 0, ct);
            }

            plan.Edit.RemoveRelease(release.Ip);
        }
        catch (CalicoException e) when (e.Problem == Problem.Damaged)
        {
            plan.Edit.SetRelease(release with { IsAside = true });
            comparison.NoteDamage(release.Block, e.Message);
        }
    }

    private async Task PlanAsync(OnlinePlan plan, LeaseRecord lease, List<(LeaseRecord Lease, string Holder)> lost, CancellationToken ct)
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
            comparison.NoteDamage(lease.Block, e.Message);
        }
    }

    /// <summary>Makes the store show a lease as it is.</summary>
    /// <returns>Who has the address, if that is another; null: it is done.</returns>
    private static async Task<string?> SyncAsync(OnlinePlan plan, LeaseRecord lease, CancellationToken ct)
    {
        var synced = lease with { IsOffline = false, IsAttempted = false };
        if (await plan.FindAsync(lease.Ip, ct) is not var (block, ordinal)
            || block.AttributeOf(ordinal) is not { ReleasedAt: null } attribute)
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

    private static partial class Log
    {
        [LoggerMessage(3004, LogLevel.Information, "replayed {Releases} releases and {Leases} leases")]
        public static partial void Replayed(ILogger logger, int releases, int leases);
    }
}
