using System.Collections.Immutable;

namespace Calico.Host.Workloads;

/// <content>Endpoints whose addresses the store does not show as theirs any more.</content>
internal sealed partial class WorkloadConnector
{
    /// <summary>Takes addresses again that this node has lost: its containers use them. An endpoint whose address is another's by now is
    /// closed, and stays so until the other gives it up or the endpoint is removed: there are never two silent holders.</summary>
    /// <returns>Those endpoints, with who has the address and what to do.</returns>
    public async Task<ImmutableArray<string>> RetakeAsync(CancellationToken ct)
    {
        var conflicts = ImmutableArray.CreateBuilder<string>();
        foreach (var life in book.All.Where(l => l.Record.Conflict is not null || !MissingOf(l.Record).IsEmpty))
        {
            if (await RetakeAsync(life, ct) is { } conflict)
            {
                conflicts.Add(conflict);
            }
        }

        return conflicts.ToImmutable();
    }

    private async Task<string?> RetakeAsync(EndpointLife life, CancellationToken ct)
    {
        var id = life.Record.Id;
        using var hold = await book.Locks.EnterAsync(id, ct);
        if (!book.TryFind(id, out var now) || now != life || life.IsEnding)
        {
            return null;
        }

        try
        {
            await ipam.RetakeAsync(id, MissingOf(life.Record), ct);
            if (life.Record.Conflict is not null)
            {
                await ReopenAsync(life, ct);
            }

            return null;
        }
        catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
        {
            await CloseAsync(life, $"{e.Message}; it is closed: delete and create the workload again, so that it gets another address", ct);
            return $"{id}: {life.Record.Conflict}";
        }
        catch (CalicoException e) when (e.Problem is Problem.Unavailable or Problem.Damaged or Problem.Conflict)
        {
            return life.Record.Conflict is { } before ? $"{id}: {before}" : null;
        }
    }

    /// <summary>On disk first: a restart must not open it.</summary>
    private async Task CloseAsync(EndpointLife life, string reason, CancellationToken ct)
    {
        if (life.Status == (EndpointState.Failed, reason))
        {
            return;
        }

        var closed = life.Record with { Conflict = reason };
        await log.CommitAsync([closed.ToWrite()], ct);
        await publication.ForgetAsync(closed, ct);
        life.Replace(closed);
        await kernel.WithdrawAsync(closed.Id, ct);
        life.Move(EndpointState.Failed, reason);
        Log.AddressLost(logger, closed.Id, reason);
    }

    private async Task ReopenAsync(EndpointLife life, CancellationToken ct)
    {
        var open = life.Record with { Conflict = null };
        if (open.Placed)
        {
            Judge(life, await kernel.PublishAsync(LocalEndpoints.From(open), ct));
        }
        else
        {
            life.Move(EndpointState.Prepared);
        }

        await log.CommitAsync([open.ToWrite()], ct);
        life.Replace(open);
        Log.AddressBack(logger, open.Id);
    }

    private ImmutableArray<AddressLease> MissingOf(EndpointRecord record) =>
        ipam.MissingOf([.. record.Leases.Select(l => l.ToLease(record.Adapter, record.Id))]);
}
