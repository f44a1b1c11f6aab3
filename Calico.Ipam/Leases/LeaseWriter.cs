using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>Has operations done: by one writer, many in a transaction, or without the store where that is too slow.</summary>
/// <remarks>Ends.cs has what becomes of a group that the store failed.</remarks>
internal sealed partial class LeaseWriter
{
    private readonly LeaseBasis _basis;
    private readonly LeaseTable _table;
    private readonly StoreReach _reach;
    private readonly HostMarker _marker;
    private readonly LeaseFacts _facts;
    private readonly LeaseComparison _comparison;
    private readonly LeaseReplay _replay;
    private readonly GroupCommit _commit;
    private readonly CancellationToken _stop;
    private readonly OperationQueue _queue = new();

    public LeaseWriter(LeaseBasis basis, LeaseTable table, StoreReach reach, HostMarker marker, LeaseFacts facts,
        LeaseComparison comparison, CancellationToken stop)
    {
        (_basis, _table, _reach, _marker, _facts, _comparison, _stop) = (basis, table, reach, marker, facts, comparison, stop);
        _replay = new(basis, table, marker, facts, comparison);
        _commit = new(basis, table, _queue, facts, comparison);
    }

    /// <summary>The writer's last run, for whoever ends it.</summary>
    public Task Writing => _queue.Taking;

    /// <summary>How many answers the store does not know yet.</summary>
    public int JournalLength
    {
        get
        {
            var ledger = _table.Ledger;
            return ledger.Releases.Count + ledger.Offline + _basis.Waiting.Length;
        }
    }

    /// <summary>Has an operation done: with others by the writer, or without the store when that is too slow.</summary>
    public async Task SubmitAsync(NodeOperation operation, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        operation.Since = _basis.Time.GetTimestamp();
        if (_reach.IsResting)
        {
            if (await TryAnswerAsync(operation))
            {
                await operation.Completion;
                return;
            }

            if (operation.IsRefusedAtRest && _basis.Options.RefusesWhileResting)
            {
                throw NoReserve(_reach.WhyDown ?? "it failed a moment ago", null);
            }
        }

        _queue.Add(operation, WriteAsync);
        try
        {
            try
            {
                await operation.Completion.WaitAsync(_basis.Options.StorePatience, _basis.Time, ct);
                return;
            }
            catch (TimeoutException)
            {
                await TryAnswerAsync(operation);
            }

            await operation.Completion.WaitAsync(ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested && !operation.OutlivesCaller)
        {
            if (await _table.TryAbandonAsync(operation))
            {
                _queue.Remove(operation);
                throw;
            }

            await operation.Completion;
        }
    }

    private async Task<bool> TryAnswerAsync(NodeOperation operation)
    {
        var (known, namespaceLabels) = await _facts.RecallAsync(operation.Namespace);
        if (!await _table.TryAnswerAsync(operation, known, namespaceLabels))
        {
            return false;
        }

        _queue.Remove(operation);
        return true;
    }

    /// <summary>The writer: one at a time, for as long as something waits.</summary>
    private async Task WriteAsync()
    {
        while (_queue.Take() is { Count: > 0 } group)
        {
            var isDown = !_reach.IsReachable;
            if (isDown && !await AnswerAsync(group))
            {
                continue;
            }

            using var deadline = new CancellationTokenSource(isDown ? Rest(group) : _basis.Options.StoreDeadline, _basis.Time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stop);
            try
            {
                await WriteGroupAsync(group, limit.Token);
            }
            catch (OperationCanceledException e) when (isDown && !_reach.IsReachable && !_stop.IsCancellationRequested)
            {
                // It was asked whether it is back, and nothing was sent: the time of the first is up, who came later waits on.
                var first = group.Min(o => o.Since);
                var isOver = group.ToLookup(o => o.Since == first || RestOf(o) <= TimeSpan.Zero);
                _queue.PutBack([.. isOver[false]]);
                await EndForSureAsync([.. isOver[true]], e);
            }
            catch (Exception e)
            {
                // The top frame of the loop: whatever it was is the answer of those that wait for it.
                await EndForSureAsync(group, e);
            }
        }
    }

    /// <summary>What waited while the store failed others is answered without it where it can be.</summary>
    /// <returns>Whether one is left.</returns>
    private async Task<bool> AnswerAsync(List<NodeOperation> group)
    {
        foreach (var operation in group)
        {
            await TryAnswerAsync(operation);
        }

        _table.Drop(group);
        return group.Count > 0;
    }

    private TimeSpan RestOf(NodeOperation operation) => _basis.Options.StoreDeadline - _basis.Time.GetElapsedTime(operation.Since);

    /// <summary>How long the first of them may still wait for a store that is down; no less than one that is back needs.</summary>
    private TimeSpan Rest(List<NodeOperation> group)
    {
        var rest = group.Min(RestOf);
        return rest > _basis.Options.StorePatience ? rest : _basis.Options.StorePatience;
    }

    private async Task WriteGroupAsync(List<NodeOperation> group, CancellationToken ct)
    {
        if (await _reach.ProbeAsync(ct))
        {
            Log.StoreBack(_basis.Logger, JournalLength);
        }

        for (var attempt = 0; attempt < GroupCommit.Attempts; attempt++)
        {
            var ledger = _table.Prepare(group);
            if (group.Count == 0)
            {
                return;
            }

            if (await _marker.EnsureAsync(ct) && !ledger.Leases.IsEmpty)
            {
                // It is gone although this node has leases: the store has lost facts of this node.
                _comparison.Doubt(retakesUnbound: true);
            }

            // What waits in the outbox and is refused there stops nobody: what is written now takes its place.
            if (ledger.HasJournal || (attempt == 0 && !_basis.Waiting.IsEmpty))
            {
                await _replay.RunAsync(ct);
            }
            else if (!_comparison.IsSettled && !group[0].IsExclusive)
            {
                await CompareFirstAsync(ct);
            }
            else if (await _commit.TryAsync(group, ledger, ct))
            {
                return;
            }
        }

        throw GroupCommit.TooManyRivals();
    }

    /// <summary>Log and store are compared before what waits: nothing is given out while addresses of this node may look free.</summary>
    private async Task CompareFirstAsync(CancellationToken ct)
    {
        for (var isPartial = true; isPartial;)
        {
            var (operation, doubts) = _comparison.Begin();
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
                isPartial = _comparison.Conclude(await operation.Answer, doubts);
            }
            catch (CalicoException e) when (e.Problem != Problem.Unavailable)
            {
                // What this node holds is not given out here in any case; the rest is for the next comparison.
                Log.ComparisonWaits(_basis.Logger, e.Message);
                _comparison.Settle(doubts);
                return;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3002, LogLevel.Warning,
            "the store does not answer; addresses come from the {Reserve} that it shows as this node's: {Reason}")]
        public static partial void StoreDown(ILogger logger, int reserve, string reason);

        [LoggerMessage(3003, LogLevel.Information, "the store answers again; {Journal} answers are to be replayed")]
        public static partial void StoreBack(ILogger logger, int journal);

        [LoggerMessage(3012, LogLevel.Warning, "the comparison of log and store waits: {Reason}")]
        public static partial void ComparisonWaits(ILogger logger, string reason);

        [LoggerMessage(3011, LogLevel.Error,
            "an unanswered transaction could not be noted in the node log; the audit has to find what it took: {Reason}")]
        public static partial void DoubtNotLogged(ILogger logger, string reason);
    }
}
