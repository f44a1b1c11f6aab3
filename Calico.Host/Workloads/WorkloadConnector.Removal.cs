using System.Collections.Immutable;
using Calico.Host.Timings;
using Calico.Ipam;

namespace Calico.Host.Workloads;

/// <content>Removal, undo and collection: the same steps backwards.</content>
internal sealed partial class WorkloadConnector
{
    /// <summary>Removes an endpoint whatever its caller does meanwhile. Unknown, or another life: success.</summary>
    public async Task RemoveAsync(WorkloadEndpointId id, string? instance)
    {
        using var hold = await book.Locks.EnterAsync(id, CancellationToken.None);
        // Another life: its ADD replaced this one and freed what it had.
        if (book.TryFind(id, out var life) && (instance is null || life.Record.Instance == instance))
        {
            await RemoveHeldAsync(life);
        }
    }

    /// <summary>Settles what the kernel took away: endpoints of an earlier boot, or whose link is gone. Whole lives are removed; split
    /// lives that may go on are prepared again.</summary>
    /// <returns>How many were removed.</returns>
    public async Task<int> CollectDeadAsync(CancellationToken ct)
    {
        var collected = 0;
        foreach (var life in book.All)
        {
            ct.ThrowIfCancellationRequested();
            if (WhyOver(life) is { } reason && await CollectAsync(life, () => WhyOver(life), reason, mayGoOn: true))
            {
                collected++;
            }
        }

        return collected;
    }

    /// <summary>Removes an adapter's endpoints of a network that are not in a complete report.</summary>
    public Task<int> CollectAsync(string adapter, string network, LiveReport keep, CancellationToken ct) =>
        CollectAsync(adapter, [.. book.All.Where(l => l.Record.Network == network)], keep, ct);

    /// <summary>Likewise of what stood before its report was asked for.</summary>
    public async Task<int> CollectAsync(string adapter, ImmutableArray<EndpointLife> lives, LiveReport keep, CancellationToken ct)
    {
        if (!keep.Complete)
        {
            return 0;
        }

        var live = keep.Endpoints.ToHashSet();
        var collected = 0;
        foreach (var life in lives.Where(l => l.Record.Adapter == adapter))
        {
            ct.ThrowIfCancellationRequested();
            if (!live.Contains((life.Record.Id, life.Record.Instance))
                && await CollectAsync(life, () => "", $"not in {adapter}'s report", mayGoOn: false))
            {
                collected++;
            }
        }

        return collected;
    }

    /// <summary>Why an endpoint is to go, or null. One whose removal was begun is nobody's any more: its caller was told that it failed and
    /// may never ask again.</summary>
    private string? WhyOver(EndpointLife life) => life.IsEnding ? "its removal had failed" : LossOf(life.Record);

    /// <summary>Why its link is not there, or null.</summary>
    private string? LossOf(EndpointRecord record) =>
        !record.Placed ? null
        : record.BootId != node.BootId ? "the machine was started anew"
        : !kernel.LinkExists(record.HostInterface) ? $"its interface {record.HostInterface} is gone"
        : null;

    /// <summary>Whether an endpoint without a link can be attached again by its adapter. A split life is its adapter's to end: the
    /// orchestrator still holds the address, and the link may be missing because a crash cut an attachment or a detachment short. Only
    /// what was attached in an earlier boot is over: its container went with the machine, and the next one gets an endpoint of its own.
    /// </summary>
    private bool CanBeAttachedAgain(EndpointLife life) =>
        life.Record.SplitLife && !life.IsEnding && (!life.Record.Complete || life.Record.BootId == node.BootId);

    private async Task<bool> CollectAsync(EndpointLife life, Func<string?> still, string reason, bool mayGoOn)
    {
        var id = life.Record.Id;
        try
        {
            using var hold = await book.Locks.EnterAsync(id, CancellationToken.None);
            // Second look, now that nobody else changes it.
            if (!book.TryFind(id, out var now) || now != life || still() is null)
            {
                return false;
            }

            if (mayGoOn && CanBeAttachedAgain(life))
            {
                await DetachHeldAsync(life);
                Log.PreparedAgain(logger, id, reason);
                return false;
            }

            await RemoveHeldAsync(life);
            Log.Collected(logger, id, reason);
            return true;
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            Log.CollectFailed(logger, id, e.Message);
            return false;
        }
    }

    /// <summary>Kernel first, so that the address is free only when nothing leads to its former owner; then record, resource and
    /// addresses in one transaction.</summary>
    /// <exception cref="CalicoException">The kernel said no: the record stays, and a second removal does it all again.</exception>
    private async Task RemoveHeldAsync(EndpointLife life)
    {
        // Its own time: what is half removed serves nobody, whoever stops waiting.
        using var limit = new CancellationTokenSource(UndoTime, time);
        var record = life.Record;
        life.IsEnding = true;
        try
        {
            TimedCall.Current?.Enter("kernel");
            await TimedCall.BesideAsync("rules", () => kernel.WithdrawAsync(record.Id, limit.Token));
            if (record.Placed)
            {
                await TimedCall.BesideAsync("wiring", () => kernel.UnwireAsync(record, limit.Token));
            }

            TimedCall.Current?.Enter("commit");

            await ipam.UnbindAsync(record.Adapter, record.Id, [.. record.Leases.Select(l => l.ToLease(record.Adapter, record.Id))],
                new LeaseCompanion([publication.Delete(record)], [new(record.Key, null)]), limit.Token);
        }
        catch (OperationCanceledException e)
        {
            // Our time, not the caller's: as a cancellation it would end a loop that waits for this removal.
            life.Move(EndpointState.Failed, $"its removal failed: {TookTooLong}");
            throw new CalicoException(Problem.Unavailable, $"the removal of {record.Id} failed: {TookTooLong}", inner: e);
        }
        catch (CalicoException e)
        {
            life.Move(EndpointState.Failed, $"its removal failed: {e.Message}");
            throw;
        }

        book.Remove(life);
        Ports.Keep(record.Id, []);
        life.Move(EndpointState.Gone);
    }

    private static string TookTooLong => $"the kernel or the store was not done within {UndoTime.TotalSeconds:0} s; it is tried again";

    private async Task UndoAsync(EndpointLife life, Exception first)
    {
        try
        {
            await RemoveHeldAsync(life);
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            Log.UndoFailed(logger, life.Record.Id, first.Message, e.Message);
        }
    }

    /// <summary>A failed attachment leaves the endpoint prepared, so that it can be tried again or removed.</summary>
    private async Task UndoAttachAsync(EndpointLife life, Exception first)
    {
        try
        {
            await DetachHeldAsync(life);
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            life.Move(EndpointState.Failed, $"{first.Message}; undoing it failed too: {e.Message}");
            Log.UndoFailed(logger, life.Record.Id, first.Message, e.Message);
        }
    }

    private async Task TellAsync(Task removal, WorkloadEndpointId id)
    {
        try
        {
            await removal;
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            Log.RemovalFailed(logger, id, e.Message);
        }
    }
}
