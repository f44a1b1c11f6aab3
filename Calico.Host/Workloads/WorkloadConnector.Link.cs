using System.Collections.Immutable;
using Calico.Host.Timings;
using Calico.Host.Workloads.Ports;

namespace Calico.Host.Workloads;

/// <content>What of an endpoint is in the kernel: its pair and its policy.</content>
internal sealed partial class WorkloadConnector
{
    /// <summary>How long an endpoint that was answered closed may take to be enforced before it counts as failed.</summary>
    private static readonly TimeSpan PublishTime = TimeSpan.FromMinutes(1);

    /// <summary>How long such a publication holds the endpoint's lock at a time: a removal waits no longer.</summary>
    private static readonly TimeSpan PublishTurn = TimeSpan.FromSeconds(1);

    private volatile int _mtu = node.Mtu;

    private EndpointRecord WithPlace(EndpointRecord record, Placement place) => record with
    {
        // Of the link, not of the record: what was only prepared outlives a boot.
        BootId = node.BootId,
        PeerInterface = place.InterfaceName,
        NamespaceIdentity = place.Namespace?.Identity ?? 0,
        NamespacePath = place.Namespace?.ToString(),
        Placed = true,
        Complete = false,
    };

    /// <summary>Whether the link that the record tells of stands, and leads to the place. The namespace's number alone does not say so: the
    /// kernel gives it again.</summary>
    private bool IsSamePlace(EndpointRecord record, Placement place) =>
        record.PeerInterface == place.InterfaceName && record.NamespaceIdentity == (place.Namespace?.Identity ?? 0)
        && kernel.LivesIn(record, place.Namespace);

    private static void Judge(EndpointLife life, EndpointState state) =>
        life.Move(state, state == EndpointState.Closed ? "a selector in force needs labels that have not come yet" : "");

    /// <param name="life">Recorded as placed.</param>
    /// <param name="place">Where.</param>
    /// <param name="wait">After this long the answer is "closed", and the publication goes on. The wiring is not cut short.</param>
    /// <param name="ct">The caller's: cancels both.</param>
    private async Task AttachHeldAsync(EndpointLife life, Placement place, TimeSpan wait, CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(wait, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        // Both at once: the rules may stand before the interface, and an interface without rules is closed.
        TimedCall.Current?.Enter("kernel");
        var publish = TimedCall.BesideAsync("rules", () => kernel.PublishAsync(LocalEndpoints.From(life.Record), either.Token));
        try
        {
            await TimedCall.BesideAsync("wiring", () => kernel.WireAsync(life.Record, place.Namespace, ct));
        }
        catch
        {
            // The first cause is the wiring's; the publication's own outcome does not matter any more, but it has to have ended.
            await either.CancelAsync();
            await publish.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            throw;
        }

        try
        {
            Conclude(life, await publish);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Closed, not open: nothing passes until the publication, which stays asked for, is in the kernel.
            life.Move(EndpointState.Closed, "the kernel does not enforce its policy yet");
            Later(FinishLaterAsync(life));
        }
    }

    private void Conclude(EndpointLife life, EndpointState state)
    {
        var complete = life.Record with { Complete = true };
        life.Replace(complete);
        Judge(life, state);
        if (Notes.Add(complete) is { } writing)
        {
            Later(writing);
        }
    }

    private async Task DetachHeldAsync(EndpointLife life)
    {
        // Its own time, as a removal has.
        using var limit = new CancellationTokenSource(UndoTime, time);
        var next = life.Record with { Placed = false, Complete = false, NamespaceIdentity = 0, NamespacePath = null, PeerInterface = "" };
        try
        {
            await kernel.WithdrawAsync(life.Record.Id, limit.Token);
            await kernel.UnwireAsync(life.Record, limit.Token);
            await log.CommitAsync([next.ToWrite()], limit.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new CalicoException(Problem.Unavailable, $"the detachment of {life.Record.Id} failed: {TookTooLong}", inner: e);
        }

        life.Replace(next);
        life.Move(EndpointState.Prepared);
    }

    /// <summary>Changes labels, profiles or ports.</summary>
    public async Task UpdateAsync(WorkloadEndpointId id, EndpointChange change, CancellationToken ct)
    {
        using var hold = await book.Locks.EnterAsync(id, ct);
        var life = Find(id);
        if (EndpointPorts.IsNothing(change, life))
        {
            return;
        }

        var next = Ports.Change(life.Record, change.Ports) with
        {
            Labels = change.Labels ?? life.Record.Labels,
            LabelsPending = life.Record.LabelsPending && change.Labels is null,
            Profiles = change.Profiles ?? life.Record.Profiles,
            Facts = change.Facts ?? life.Record.Facts,
        };
        try
        {
            await CommitRecordAsync(next, ct);
            life.Replace(next);
            if (next is { Placed: true, Conflict: null })
            {
                Judge(life, await kernel.PublishAsync(LocalEndpoints.From(next), ct));
            }
        }
        finally
        {
            // What nothing leads to any more, or what was never recorded.
            Ports.Keep(id, life.Record.Ports);
        }
    }

    /// <summary>The node's MTU is another: endpoints that asked for none get it, those to come too.</summary>
    /// <returns>A line for each that keeps its own for now, since an end of its pair could not be reached; to be tried again.</returns>
    public async Task<ImmutableArray<string>> FollowMtuAsync(int mtu, CancellationToken ct)
    {
        _mtu = mtu;
        var left = ImmutableArray.CreateBuilder<string>();
        foreach (var life in book.All.Where(l => l.Record.MtuFollowsNode && l.Record.Mtu != mtu))
        {
            using var hold = await book.Locks.EnterAsync(life.Record.Id, ct);
            // Second look, now that nobody else changes it.
            if (!book.TryFind(life.Record.Id, out var now) || now != life || life.IsEnding || life.Record.Mtu == mtu)
            {
                continue;
            }

            var next = life.Record with { Mtu = mtu };
            try
            {
                // The kernel first: a record that is ahead of it would never be looked at again.
                if (next.Placed && next.BootId == node.BootId && kernel.LinkExists(next.HostInterface))
                {
                    await kernel.ResizeAsync(next, ct);
                }

                await log.CommitAsync([next.ToWrite()], ct);
                life.Replace(next);
            }
            catch (CalicoException e)
            {
                left.Add($"{next.Id} keeps MTU {life.Record.Mtu}: {e.Message}");
            }
        }

        return left.ToImmutable();
    }

    private async Task FinishLaterAsync(EndpointLife life)
    {
        var since = time.GetTimestamp();
        try
        {
            while (!await TryPublishAsync(life, isLast: time.GetElapsedTime(since) >= PublishTime))
            {
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The next start publishes it.
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            life.Move(EndpointState.Failed, e.Message);
            Log.PublishFailed(logger, life.Record.Id, e.Message);
        }
    }

    /// <returns>Whether there is nothing left to do.</returns>
    private async Task<bool> TryPublishAsync(EndpointLife life, bool isLast)
    {
        var id = life.Record.Id;
        using var hold = await book.Locks.EnterAsync(id, _stopping.Token);
        if (!book.TryFind(id, out var now) || now != life || !life.Record.Placed || life.Status.State != EndpointState.Closed)
        {
            return true;
        }

        using var turn = new CancellationTokenSource(PublishTurn, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(turn.Token, _stopping.Token);
        try
        {
            Conclude(life, await kernel.PublishAsync(LocalEndpoints.From(life.Record), limit.Token));
            return true;
        }
        catch (OperationCanceledException) when (!isLast && !_stopping.IsCancellationRequested)
        {
            return false;
        }
        catch (OperationCanceledException e) when (!_stopping.IsCancellationRequested)
        {
            throw new CalicoException(Problem.Unavailable,
                $"the kernel did not enforce its policy within {PublishTime.TotalSeconds:0} s", inner: e);
        }
    }
}
