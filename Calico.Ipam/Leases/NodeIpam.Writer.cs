using System.Collections.Immutable;
using System.Net;
using System.Text;
using Calico.Datastore.Store;

namespace Calico.Ipam;

public sealed partial class NodeIpam
{
    /// <summary>etcd refuses transactions of more than 128 operations.</summary>
    private const int TransactionWeight = 100;

    private const int GroupSize = 40;
    private const int Attempts = 100;

    /// <summary>Has an operation done: with others by the writer, or without the store when that is too slow.</summary>
    private async Task SubmitAsync(NodeOperation operation, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        bool isDown;
        lock (_gate)
        {
            isDown = _downSince is { } since && _time.GetElapsedTime(since) < _options.ProbeInterval;
        }

        if (isDown && await TryOfflineAsync(operation))
        {
            await operation.Completion;
            return;
        }

        Enqueue(operation);
        try
        {
            try
            {
                await operation.Completion.WaitAsync(_options.StorePatience, _time, ct);
                return;
            }
            catch (TimeoutException)
            {
                await TryOfflineAsync(operation);
            }

            await operation.Completion.WaitAsync(ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested && !operation.OutlivesCaller)
        {
            if (await TryAbandonAsync(operation))
            {
                throw;
            }

            await operation.Completion;
        }
    }

    private void Enqueue(NodeOperation operation)
    {
        lock (_gate)
        {
            _queue.AddLast(operation);
            if (!_isWriting)
            {
                _isWriting = true;
                _writer = Task.Run(WriteAsync);
            }
        }
    }

    /// <summary>The writer: one at a time, for as long as something waits.</summary>
    private async Task WriteAsync()
    {
        while (true)
        {
            List<NodeOperation> group;
            lock (_gate)
            {
                group = TakeGroup();
                if (group.Count == 0)
                {
                    _isWriting = false;
                    return;
                }
            }

            using var deadline = new CancellationTokenSource(_options.StoreDeadline, _time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stop.Token);
            try
            {
                await WriteGroupAsync(group, limit.Token);
            }
            catch (Exception e)
            {
                // The top frame of the loop: whatever it was is the answer of those that wait for it.
                await EndForSureAsync(group, e);
            }
        }
    }

    /// <summary>However it ends: nobody waits for ever, and the writer takes the next group.</summary>
    private async Task EndForSureAsync(List<NodeOperation> group, Exception reason)
    {
        try
        {
            await EndAsync(group, reason);
        }
        catch (Exception e)
        {
            foreach (var operation in group.ToArray())
            {
                Finish(operation, () => operation.Fail(e));
            }
        }
    }

    private async Task EndAsync(List<NodeOperation> group, Exception reason)
    {
        if (reason is CalicoException { Problem: Problem.Invalid } && group.Count > 1)
        {
            try
            {
                await SeparateAsync(group);
                return;
            }
            catch (CalicoException e)
            {
                reason = e;
            }
        }

        await EndWithoutStoreAsync(group, reason is OperationCanceledException
            ? new CalicoException(Problem.Unavailable, "the store did not answer in time", inner: reason)
            : reason);
    }

    /// <summary>The store refuses a transaction because of something that one of a group wants written: they go on one by one.</summary>
    private async Task SeparateAsync(List<NodeOperation> group)
    {
        Task logged;
        lock (_gate)
        {
            group.RemoveAll(o => o.State is OperationState.Abandoned or OperationState.Finished);
            logged = _log.CommitAsync([.. group.SelectMany(o => LogOf(o, NoEdit, []))], CancellationToken.None);
            group.ForEach(o => o.State = OperationState.Queued);
            _busy = [];
        }

        await logged;
        foreach (var operation in group)
        {
            using var limit = new CancellationTokenSource(_options.StoreDeadline, _time);
            List<NodeOperation> single = [operation];
            try
            {
                await WriteGroupAsync(single, limit.Token);
            }
            catch (Exception e) when (e is CalicoException or OperationCanceledException)
            {
                await EndWithoutStoreAsync(single, e is CalicoException ? e : new CalicoException(Problem.Unavailable, "the store did not answer in time", inner: e));
            }
        }
    }

    /// <summary>Operations in order, without two that are about the same thing.</summary>
    private List<NodeOperation> TakeGroup()
    {
        var group = new List<NodeOperation>();
        var taken = new HashSet<string>(StringComparer.Ordinal);
        for (var node = _queue.First; node is not null && group.Count < GroupSize;)
        {
            var (operation, next) = (node.Value, node.Next);
            if (operation.IsExclusive && group.Count > 0)
            {
                break;
            }

            // The scopes of one that has to wait count too: those behind it must not overtake.
            var isFree = !operation.Scopes.Any(taken.Contains);
            taken.UnionWith(operation.Scopes);
            if (isFree)
            {
                _queue.Remove(node);
                group.Add(operation);
            }

            node = operation.IsExclusive ? null : next;
        }

        return group;
    }

    private async Task WriteGroupAsync(List<NodeOperation> group, CancellationToken ct)
    {
        await ProbeAsync(ct);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            LeaseLedger ledger;
            lock (_gate)
            {
                group.RemoveAll(o => o.State is OperationState.Abandoned or OperationState.Finished);
                group.ForEach(o => o.State = OperationState.Planning);
                ledger = _ledger;
            }

            if (group.Count == 0)
            {
                return;
            }

            await EnsureMarkerAsync(ledger, ct);
            if (ledger.HasJournal || (attempt == 0 && !_outbox.PendingOf(_outgoing).IsEmpty))
            {
                await ReplayAsync(ct);
                continue;
            }

            if (MustVerify && !group[0].IsExclusive)
            {
                await VerifyFirstAsync(ct);
                continue;
            }

            if (await TryWriteAsync(group, ledger, ct))
            {
                return;
            }
        }

        throw new CalicoException(Problem.Conflict, "Max retries hit - excessive concurrent IPAM requests");
    }

    /// <returns>Whether the group is done; false: to be planned again.</returns>
    private async Task<bool> TryWriteAsync(List<NodeOperation> group, LeaseLedger ledger, CancellationToken ct)
    {
        if (group.Exists(o => o.IsExclusive))
        {
            // A comparison with the store changes the log alone, so no transaction would notice that memory is out of date.
            _cache.Clear();
        }

        var change = new IpamChange(_store, _cache);
        await change.GuardAsync(_marker, ct);
        var givenUp = ImmutableHashSet<IPAddress>.Empty;
        var planned = new List<NodeOperation>();
        var weight = 0;
        foreach (var operation in group.ToArray())
        {
            var checkpoint = change.Checkpoint;
            var plan = new OnlinePlan(_options.NodeName, change, _facts, _time, ledger, IsRecentlyFreed) { GivenUp = givenUp };
            try
            {
                await operation.PlanAsync(plan, ct);
            }
            catch (CalicoException e) when (e.Problem != Problem.Unavailable)
            {
                change.Rollback(checkpoint);
                if (!operation.IsFresh && (change.UsedCache || _ownFacts is not null))
                {
                    // What refuses it may be out of date. Nothing is refused but on what the store says now.
                    group.ForEach(o => o.IsFresh = true);
                    _cache.Clear();
                    _ownFacts?.Forget();
                    return false;
                }

                Finish(operation, () => operation.Fail(e));
                group.Remove(operation);
                continue;
            }

            if (planned.Count > 0 && change.Weight + weight + plan.Store.Count > TransactionWeight)
            {
                change.Rollback(checkpoint);
                PutBack(group, operation);
                break;
            }

            weight += plan.Store.Count;
            plan.Log.AddRange(_outbox.Replacing(plan.Store));
            plan.LogBefore = [.. plan.Log.Select(w => w with { Value = _log.Get(w.Key) })];
            operation.Plan = plan;
            givenUp = givenUp.Union(plan.Edit.Removed);
            planned.Add(operation);
        }

        return planned.Count == 0 || await CommitAsync(group, planned, change, ledger, ct);
    }

    private async Task<bool> CommitAsync(List<NodeOperation> group, List<NodeOperation> planned, IpamChange change, LeaseLedger ledger,
        CancellationToken ct)
    {
        var writes = planned.SelectMany(o => o.Plan!.ToLog()).ToImmutableArray();
        var companions = planned.SelectMany(o => o.Plan!.Store).ToImmutableArray();
        var transaction = change.IsEmpty && companions.IsEmpty ? null : change.Build(companions);
        Task<StoreOutcome?> committing;
        lock (_gate)
        {
            if (!ReferenceEquals(ledger, _ledger) || planned.Exists(o => o.State != OperationState.Planning))
            {
                return false;
            }

            planned.ForEach(o => o.State = OperationState.Committing);
            _busy = [.. planned.SelectMany(o => o.Plan!.Edit.Addresses)];
            committing = CommitOrDistrustAsync(change, transaction, writes, ct);
        }

        StoreOutcome? outcome;
        try
        {
            outcome = await committing;
        }
        catch (CalicoException e) when (StoreRefusedException.Is(e))
        {
            lock (_gate)
            {
                _busy = [];
                planned.ForEach(o => o.Plan!.IsRefused = true);
            }

            throw;
        }

        // Null: only the log had anything to be told.
        if (outcome is not { Succeeded: false })
        {
            Conclude(planned, ledger);
            _cache.Trim(new(_options.NodeName));
            return true;
        }

        lock (_gate)
        {
            // The log has taken back what was written for the transaction, and nothing of what abandoned operations wrote over it.
            _busy = [];
            _doubts += change.Vanished.IsEmpty ? 0 : 1;
            group.RemoveAll(o => o.State == OperationState.Abandoned);
            group.ForEach(o => o.State = OperationState.Planning);
        }

        return group.Count == 0;
    }

    /// <summary>Begun under the gate, as every write to the log: the log keeps the order of the calls, and so says what the ledger
    /// says.</summary>
    private async Task<StoreOutcome?> CommitOrDistrustAsync(IpamChange change, StoreTransaction? transaction, ImmutableArray<NodeLogWrite> writes,
        CancellationToken ct)
    {
        if (transaction is null)
        {
            await _log.CommitAsync(writes, ct);
            return null;
        }

        try
        {
            var outcome = await _log.CommitAsync(_store, transaction, writes, ct);
            change.Settle(transaction, outcome);
            return outcome;
        }
        catch (Exception)
        {
            change.Distrust();
            throw;
        }
    }

    private void Conclude(List<NodeOperation> planned, LeaseLedger ledger)
    {
        List<NodeOperation> done;
        lock (_gate)
        {
            done = planned.FindAll(o => o.State == OperationState.Committing);
            foreach (var operation in done)
            {
                _ledger = operation.Plan!.Edit.Since(ledger, _ledger).ApplyTo(_ledger, out _);
                operation.State = OperationState.Finished;
                _outbox.Replaced(operation.Plan.Log);
            }

            _busy = [];
        }

        var now = _time.GetTimestamp();
        foreach (var operation in done)
        {
            operation.Plan!.Freed.ForEach(a => _freedAt[a] = now);
            operation.Complete(operation.Plan!.Answer);
        }
    }

    private void PutBack(List<NodeOperation> group, NodeOperation from)
    {
        lock (_gate)
        {
            var index = group.IndexOf(from);
            for (var i = group.Count - 1; i >= index; i--)
            {
                group[i].State = group[i].State == OperationState.Planning ? OperationState.Queued : group[i].State;
                _queue.AddFirst(group[i]);
            }

            group.RemoveRange(index, group.Count - index);
        }
    }

    private void Finish(NodeOperation operation, Action tell)
    {
        lock (_gate)
        {
            if (operation.State is OperationState.Abandoned or OperationState.Finished)
            {
                return;
            }

            operation.State = OperationState.Finished;
        }

        tell();
    }

    /// <summary>The harmless question to a store that answers, and takes no writes.</summary>
    private async Task RewriteMarkerAsync(CancellationToken ct)
    {
        await _store.CommitAsync(new(new StoreOperation.Put(_marker, Encoding.UTF8.GetBytes("{}"))), ct);
        _cache.Forget(_marker);
    }

    /// <summary>A store that failed is asked something harmless before a transaction is risked that might leave doubt.</summary>
    private async Task ProbeAsync(CancellationToken ct)
    {
        bool isRefused;
        lock (_gate)
        {
            if (_downSince is null)
            {
                return;
            }

            isRefused = _isRefused;
        }

        await (isRefused ? RewriteMarkerAsync(ct) : _store.GetAsync(_marker, 0, ct));
        lock (_gate)
        {
            (_downSince, _whyDown) = (null, null);
        }

        Log.StoreBack(_logger, JournalLength);
    }
}
