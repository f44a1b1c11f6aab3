using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <content>What becomes of a group that the store failed or refused.</content>
internal sealed partial class LeaseWriter
{
    /// <summary>However it ends: nobody waits for ever, and the writer takes the next group.</summary>
    private async Task EndForSureAsync(List<NodeOperation> group, Exception reason)
    {
        try
        {
            await EndAsync(group, reason);
        }
        catch (Exception e)
        {
            foreach (var operation in group)
            {
                if (_table.TryFinish(operation))
                {
                    operation.Fail(e);
                }
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

        await EndWithoutStoreAsync(group, AsUnavailable(reason));
    }

    /// <summary>The store refuses a transaction because of something that one of a group wants written: they go on one by one.</summary>
    private async Task SeparateAsync(List<NodeOperation> group)
    {
        await _table.SeparateAsync(group);
        foreach (var operation in group)
        {
            using var limit = new CancellationTokenSource(_basis.Options.StoreDeadline, _basis.Time);
            List<NodeOperation> single = [operation];
            try
            {
                await WriteGroupAsync(single, limit.Token);
            }
            catch (Exception e) when (e is CalicoException or OperationCanceledException)
            {
                await EndWithoutStoreAsync(single, AsUnavailable(e));
            }
        }
    }

    /// <summary>The store has failed a group: each is answered without it, or told so.</summary>
    private async Task EndWithoutStoreAsync(List<NodeOperation> group, Exception reason)
    {
        var isAway = reason is CalicoException { Problem: Problem.Unavailable };
        if (isAway && _reach.MarkDown(reason))
        {
            var ledger = _table.Ledger;
            Log.StoreDown(_basis.Logger, ledger.Parked.Count + ledger.Releases.Values.Count(r => !r.IsDoubtful), reason.Message);
        }

        foreach (var operation in group.ToArray())
        {
            if (!(isAway && await TryAnswerAsync(operation)) && _table.TryEnd(operation) is { } logged)
            {
                await FailAsync(operation, reason, logged);
            }
        }

        _table.Calm();
    }

    private async Task FailAsync(NodeOperation operation, Exception reason, Task logged)
    {
        try
        {
            await logged;
        }
        catch (CalicoException e)
        {
            Log.DoubtNotLogged(_basis.Logger, e.Message);
        }

        operation.Fail(reason is CalicoException { Problem: Problem.Unavailable } unavailable
            ? NoReserve(unavailable.Message, unavailable)
            : reason);
    }

    private CalicoException NoReserve(string reason, Exception? inner) => new(Problem.Unavailable,
        $"the store does not answer and no reserve address of node {_basis.Options.NodeName} fits: {reason}", inner: inner);

    private static Exception AsUnavailable(Exception reason) => reason is OperationCanceledException
        ? new CalicoException(Problem.Unavailable, "the store did not answer in time", inner: reason)
        : reason;
}
