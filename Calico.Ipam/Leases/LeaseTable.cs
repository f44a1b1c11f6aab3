using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>What this node holds and who is changing it: the ledger, and where operations are.</summary>
/// <remarks>
/// One lock guards the ledger, the busy addresses and the state of every operation. Each write to the log is begun under it: the log keeps
/// the order of the calls, and so ends as the ledger does.
/// This part is the writer's side; Answers.cs has what is answered, given up or doubted without the store.
/// </remarks>
internal sealed partial class LeaseTable
{
    private static readonly LedgerEdit NoEdit = new();

    private readonly LeaseBasis _basis;
    private readonly Lock _gate = new();
    private LeaseLedger _ledger = new();

    /// <summary>Addresses that a transaction under way is about.</summary>
    private ImmutableHashSet<IPAddress> _busy = [];

    private ulong _lastSequence;

    public LeaseTable(LeaseBasis basis)
    {
        _basis = basis;

        // Above every number that a block of this node can have reached, so that a lease served offline differs from the one before.
        _lastSequence = (ulong)(basis.Time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;
    }

    public LeaseLedger Ledger
    {
        get
        {
            lock (_gate)
            {
                return _ledger;
            }
        }
    }

    /// <summary>Takes what the log has.</summary>
    public LeaseLedger Load()
    {
        var ledger = LeaseLedger.Load(_basis.Log, (key, reason) => Log.Damaged(_basis.Logger, key, reason));
        lock (_gate)
        {
            return _ledger = ledger;
        }
    }

    /// <summary>Leases in a block that the store should show as they are.</summary>
    public ImmutableArray<LeaseRecord> SettledIn(string block)
    {
        lock (_gate)
        {
            return [.. _ledger.Leases.Values.Where(l => l.Block == block && !l.IsOffline && !_busy.Contains(l.Ip))];
        }
    }

    /// <summary>Begins to plan what of a group still waits; the others leave it.</summary>
    /// <returns>The ledger to plan on.</returns>
    public LeaseLedger Prepare(List<NodeOperation> group)
    {
        lock (_gate)
        {
            group.RemoveAll(IsOver);
            group.ForEach(PlanAnew);
            return _ledger;
        }
    }

    /// <summary>Begins the commit of plans that were made on a ledger.</summary>
    /// <returns>Null: there is another ledger by now, or one of them was answered otherwise; they are to be planned again.</returns>
    public Task<T>? TryBegin<T>(LeaseLedger ledger, List<NodeOperation> planned, Func<Task<T>> begin)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(ledger, _ledger) || planned.Exists(o => o.State != OperationState.Planning))
            {
                return null;
            }

            planned.ForEach(o => o.State = OperationState.Committing);
            _busy = [.. planned.SelectMany(o => o.Plan!.Edit.Addresses)];
            return begin();
        }
    }

    /// <summary>The store took the plans.</summary>
    /// <returns>Those that are to be answered: not who was answered meanwhile.</returns>
    public List<NodeOperation> Conclude(List<NodeOperation> planned, LeaseLedger ledger)
    {
        lock (_gate)
        {
            var done = planned.FindAll(o => o.State == OperationState.Committing);
            foreach (var operation in done)
            {
                _ledger = operation.Plan!.Edit.Since(ledger, _ledger).ApplyTo(_ledger, out _);
                operation.State = OperationState.Finished;
                _basis.Outbox.Replaced(operation.Plan.Log);
            }

            _busy = [];
            return done;
        }
    }

    /// <summary>The store said that it took nothing, and why does not concern the plans.</summary>
    public void Refused(List<NodeOperation> planned)
    {
        lock (_gate)
        {
            _busy = [];
            planned.ForEach(o => o.Plan!.IsRefused = true);
        }
    }

    /// <summary>A comparison did not hold. The log has taken back what was written for the transaction, and nothing of what operations that
    /// were answered meanwhile wrote over it.</summary>
    public void PlanAgain(List<NodeOperation> group)
    {
        lock (_gate)
        {
            _busy = [];
            group.RemoveAll(o => o.State == OperationState.Abandoned);
            group.ForEach(PlanAnew);
        }
    }

    /// <summary>No transaction is under way any more.</summary>
    public void Calm()
    {
        lock (_gate)
        {
            _busy = [];
        }
    }

    /// <summary>Those of a group from one on wait again.</summary>
    public List<NodeOperation> Return(List<NodeOperation> group, NodeOperation from)
    {
        lock (_gate)
        {
            var index = group.IndexOf(from);
            var returned = group[index..];
            foreach (var operation in returned.Where(o => o.State == OperationState.Planning))
            {
                (operation.State, operation.Plan) = (OperationState.Queued, null);
            }

            group.RemoveRange(index, returned.Count);
            return returned;
        }
    }

    /// <summary>A group is to be done one by one: the log is put back.</summary>
    public Task SeparateAsync(List<NodeOperation> group)
    {
        lock (_gate)
        {
            group.RemoveAll(IsOver);
            var logged = _basis.Log.CommitAsync([.. group.SelectMany(o => LogOf(o, NoEdit, []))], CancellationToken.None);
            group.ForEach(o => (o.State, o.Plan) = (OperationState.Queued, null));
            _busy = [];
            return logged;
        }
    }

    /// <summary>Ends an operation, unless it has been answered.</summary>
    public bool TryFinish(NodeOperation operation)
    {
        lock (_gate)
        {
            if (IsOver(operation))
            {
                return false;
            }

            operation.State = OperationState.Finished;
            return true;
        }
    }

    /// <summary>Begins the commit of a replay. What it is about is doubtful until it is answered: it may be somebody else's before the
    /// answer comes.</summary>
    /// <param name="ledger">It was planned on.</param>
    /// <param name="edit">What it does.</param>
    /// <param name="marks">What is marked for the time being.</param>
    /// <param name="begin">Commits, with the marks' log writes.</param>
    /// <returns>Null: there is another ledger by now.</returns>
    public MarkedLedger? TryMark(LeaseLedger ledger, LedgerEdit edit, LedgerEdit marks,
        Func<ImmutableArray<NodeLogWrite>, Task<StoreOutcome?>> begin)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(ledger, _ledger))
            {
                return null;
            }

            _busy = [.. edit.Addresses];
            _ledger = marks.ApplyTo(ledger, out var unmark);
            return new(_ledger, unmark, begin(marks.ToLog()));
        }
    }

    /// <summary>A replay was answered.</summary>
    /// <param name="marked">What was begun.</param>
    /// <param name="edit">What was done, or what takes the marks back.</param>
    /// <param name="isToLog">False: the log has taken the marks back by itself.</param>
    public Task SettleAsync(MarkedLedger marked, LedgerEdit edit, bool isToLog)
    {
        lock (_gate)
        {
            _busy = [];
            var rest = edit.Since(marked.Ledger, _ledger);
            _ledger = rest.ApplyTo(_ledger, out _);
            return isToLog ? _basis.Log.CommitAsync(rest.ToLog(), CancellationToken.None) : Task.CompletedTask;
        }
    }

    /// <summary>A plan that was not done is forgotten: while the operation waits, its addresses may be in another's transaction, and what
    /// the ledger says of them is not what the log has to say.</summary>
    private static void PlanAnew(NodeOperation operation) => (operation.State, operation.Plan) = (OperationState.Planning, null);

    private static bool IsOver(NodeOperation operation) => operation.State is OperationState.Abandoned or OperationState.Finished;

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Error, "the node log's entry {Key} cannot be read and is left alone: {Reason}")]
        public static partial void Damaged(ILogger logger, string key, string reason);

        [LoggerMessage(3010, LogLevel.Debug, "not served without the store: {Reason}")]
        public static partial void OfflineRefused(ILogger logger, string reason);
    }
}

/// <summary>A replay under way.</summary>
/// <param name="Ledger">With its marks.</param>
/// <param name="Unmark">Takes them back.</param>
/// <param name="Committing">The store's answer.</param>
internal sealed record MarkedLedger(LeaseLedger Ledger, LedgerEdit Unmark, Task<StoreOutcome?> Committing);
