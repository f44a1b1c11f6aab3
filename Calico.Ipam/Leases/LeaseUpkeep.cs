using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>What is done every so often: replay and comparison, the reserve, unbound leases that nobody uses, reserves of nodes that are
/// gone.</summary>
internal sealed partial class LeaseUpkeep(LeaseBasis basis, LeaseTable table, LeaseWriter writer, StoreReach reach, LeaseFacts facts,
    LeaseComparison comparison,
    CancellationToken stop)
{
    private readonly ConcurrentDictionary<(IPAddress Address, ulong Sequence), long> _unboundSince = [];
    private long? _sweptAt;

    /// <summary>One round; with a dead store it does nothing.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            await CompareAsync(ct);
            if (!reach.IsReachable)
            {
                return;
            }

            await RefillAsync(await facts.KeepAsync(ct), ct);
            await CollectAsync(ct);
            await SweepAsync(ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.Unavailable)
        {
            Log.Waits(basis.Logger, e.Message);
        }

        basis.Freed.Trim();
    }

    /// <summary>Replays the journal, and compares the log with the store if that is due.</summary>
    public async Task CompareAsync(CancellationToken ct)
    {
        try
        {
            if (!comparison.IsDue)
            {
                await writer.SubmitAsync(new ReplayOperation(), ct);
                return;
            }

            for (var isPartial = true; isPartial;)
            {
                var (operation, doubts) = comparison.Begin();
                await writer.SubmitAsync(operation, ct);
                isPartial = comparison.Conclude(await operation.Answer, doubts);
            }
        }
        catch (CalicoException e) when (e.Problem is Problem.Unavailable or Problem.Conflict or Problem.Damaged)
        {
            Log.Waits(basis.Logger, e.Message);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The process ends; the next one compares.
        }
    }

    private async Task RefillAsync(KnownFacts known, CancellationToken ct)
    {
        var target = basis.Options.ParkedAddresses;
        foreach (var version in new[] { 4, 6 })
        {
            var parked = table.Ledger.Parked.Values.Where(p => Cidr.From(p.Ip).Version == version).ToLookup(p => IsFit(known, p));
            var (fit, unfit) = (parked[true].Count(), parked[false].Count());
            if (unfit == 0 && (fit == target
                || (fit < target && !known.Pools.Any(p => p.Cidr.Version == version && !p.Disabled && !p.IsManual))))
            {
                continue;
            }

            try
            {
                await writer.SubmitAsync(new ParkOperation(version, target, p => IsFit(known, p)), ct);
            }
            catch (CalicoException e) when (e.Problem is not Problem.Unavailable)
            {
                Log.ReserveShort(basis.Logger, version, e.Message);
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
            Log.ReserveShort(basis.Logger, Cidr.From(parked.Ip).Version, e.Message);
            return true;
        }
    }

    private async Task CollectAsync(CancellationToken ct)
    {
        ImmutableArray<LeaseRecord> unbound =
            [.. table.Ledger.Leases.Values.Where(l => l is { Bound: null, Purpose: LeasePurpose.Endpoint })];

        // Ages are counted from when this process first saw the lease unbound, so a jump of the clock ends none, and a restart only delays.
        var seen = unbound.Select(l => (l.Ip, l.Sequence)).ToHashSet();
        foreach (var gone in _unboundSince.Keys.Where(a => !seen.Contains(a)))
        {
            _unboundSince.TryRemove(gone, out _);
        }

        foreach (var record in unbound)
        {
            var since = _unboundSince.GetOrAdd((record.Ip, record.Sequence), _ => basis.Time.GetTimestamp());
            if (basis.Time.GetElapsedTime(since) < basis.Options.UnboundGrace || basis.Options.IsInUse?.Invoke(record.ToLease()) == true)
            {
                continue;
            }

            var release = new ReleaseOperation(record.Adapter, record.ToLease());
            await writer.SubmitAsync(release, ct);
            if (await release.Answer == ReleaseOutcome.Released)
            {
                Log.Collected(basis.Logger, record.Address, record.Handle, record.Since);
            }
        }
    }

    /// <summary>Gives back what nodes that are gone had in reserve; whoever comes first does it.</summary>
    private async Task SweepAsync(CancellationToken ct)
    {
        if (_sweptAt is { } at && basis.Time.GetElapsedTime(at) < basis.Options.SweepInterval)
        {
            return;
        }

        _sweptAt = basis.Time.GetTimestamp();
        try
        {
            foreach (var node in await new IpamClient(basis.Store, facts.Source, basis.Time).ReleaseDeadReservesAsync(ct))
            {
                Log.ReserveFreed(basis.Logger, node);
            }
        }
        catch (CalicoException e) when (e.Problem is Problem.Conflict or Problem.NotFound or Problem.Damaged)
        {
            // Another was faster, or a person has to mend a block first.
            Log.Waits(basis.Logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3007, LogLevel.Information, "collected the unbound lease of {Address}, handle {Handle}, claimed {Since:O}")]
        public static partial void Collected(ILogger logger, string address, string handle, DateTimeOffset since);

        [LoggerMessage(3008, LogLevel.Warning, "the reserve of IPv{Version} addresses is not full: {Reason}")]
        public static partial void ReserveShort(ILogger logger, int version, string reason);

        [LoggerMessage(3009, LogLevel.Warning, "maintenance waits for the store: {Reason}")]
        public static partial void Waits(ILogger logger, string reason);

        [LoggerMessage(3062, LogLevel.Information, "gave back the reserve of node {Node}, which does not exist any more")]
        public static partial void ReserveFreed(ILogger logger, string node);
    }
}
