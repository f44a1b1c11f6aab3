using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>Plans a group of operations one after the other on the same copies of blocks, and commits them in one transaction.</summary>
internal sealed class GroupCommit(LeaseBasis basis, LeaseTable table, OperationQueue queue, LeaseFacts facts, LeaseComparison comparison)
{
    /// <summary>How often a plan is made again because others were faster.</summary>
    public const int Attempts = 100;

    /// <summary>etcd refuses transactions of more than 128 operations.</summary>
    private const int TransactionWeight = 100;

    public static CalicoException TooManyRivals() => new(Problem.Conflict, "Max retries hit - excessive concurrent IPAM requests");

    /// <param name="group">Who is done or refused leaves it.</param>
    /// <param name="ledger">To plan on.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Whether the group is done; false: to be planned again.</returns>
    public async Task<bool> TryAsync(List<NodeOperation> group, LeaseLedger ledger, CancellationToken ct)
    {
        if (group.Exists(o => o.IsExclusive))
        {
            // A comparison with the store changes the log alone, so no transaction would notice that memory is out of date.
            basis.Cache.Clear();
        }

        var change = new IpamChange(basis.Store, basis.Cache);
        await change.GuardAsync(basis.Marker, ct);
        var givenUp = ImmutableHashSet<IPAddress>.Empty;
        var planned = new List<NodeOperation>();
        var weight = 0;
        foreach (var operation in group.ToArray())
        {
            var checkpoint = change.Checkpoint;
            var plan = new OnlinePlan(basis.Options.NodeName, change, facts.Source, basis.Time, ledger,
                basis.Freed.Contains) { GivenUp = givenUp };
            try
            {
                await operation.PlanAsync(plan, ct);
            }
            catch (CalicoException e) when (e.Problem != Problem.Unavailable)
            {
                change.Rollback(checkpoint);
                if (IsStale(operation, change))
                {
                    group.ForEach(o => o.IsFresh = true);
                    return false;
                }

                Refuse(operation, e);
                group.Remove(operation);
                continue;
            }

            // Who takes what another gives up shares an address with it, and all that share one are not in one transaction:
            // the other may be answered without the store while this one is not.
            var isNext = change.Weight + weight + plan.Store.Count > TransactionWeight || plan.Edit.Addresses.Any(givenUp.Contains);
            if (planned.Count > 0 && isNext)
            {
                change.Rollback(checkpoint);
                queue.PutBack(table.Return(group, operation));
                break;
            }

            weight += plan.Store.Count;
            Accept(operation, plan);
            givenUp = givenUp.Union(plan.Edit.Removed);
            planned.Add(operation);
        }

        return planned.Count == 0 || await CommitAsync(group, planned, change, ledger, ct);
    }

    /// <summary>Nothing is refused but on what the store says now: what refuses an operation may be out of date, and is forgotten then.
    /// </summary>
    private bool IsStale(NodeOperation operation, IpamChange change)
    {
        if (operation.IsFresh || !(change.UsedCache || facts.AreKept))
        {
            return false;
        }

        basis.Cache.Clear();
        facts.Forget();
        return true;
    }

    private void Refuse(NodeOperation operation, CalicoException reason)
    {
        if (table.TryFinish(operation))
        {
            operation.Fail(reason);
        }
    }

    private void Accept(NodeOperation operation, OnlinePlan plan)
    {
        plan.Log.AddRange(basis.Outbox.Replacing(plan.Store));
        plan.LogBefore = [.. plan.Log.Select(w => w with { Value = basis.Log.Get(w.Key) })];
        operation.Plan = plan;
    }

    private async Task<bool> CommitAsync(List<NodeOperation> group, List<NodeOperation> planned, IpamChange change, LeaseLedger ledger,
        CancellationToken ct)
    {
        var writes = planned.SelectMany(o => o.Plan!.ToLog()).ToImmutableArray();
        var companions = planned.SelectMany(o => o.Plan!.Store).ToImmutableArray();
        var transaction = change.IsEmpty && companions.IsEmpty ? null : change.Build(companions);
        if (table.TryBegin(ledger, planned, () => basis.CommitAsync(change, transaction, writes, ct)) is not { } committing)
        {
            return false;
        }

        StoreOutcome? outcome;
        try
        {
            outcome = await committing;
        }
        catch (CalicoException e) when (StoreRefusedException.Is(e))
        {
            table.Refused(planned);
            throw;
        }

        // Null: only the log had anything to be told.
        if (outcome is not { Succeeded: false })
        {
            Answer(table.Conclude(planned, ledger));
            basis.Cache.Trim(new(basis.Options.NodeName));
            return true;
        }

        table.PlanAgain(group);
        if (!change.Vanished.IsEmpty)
        {
            comparison.Doubt();
        }

        return group.Count == 0;
    }

    private void Answer(List<NodeOperation> done)
    {
        foreach (var operation in done)
        {
            basis.Freed.Note(operation.Plan!.Freed);
            operation.Complete(operation.Plan.Answer);
        }
    }
}
