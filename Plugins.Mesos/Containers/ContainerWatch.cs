namespace Calico.Plugins.Mesos.Containers;

/// <summary>Waits for the first reason to end a container.</summary>
internal sealed class ContainerWatch(MesosSettings settings, ContainerBook book, IWorkloadDataplane dataplane, TimeProvider time)
{
    /// <returns>Null: it was cleaned up first.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>.</exception>
    public async Task<ContainerLimit?> WatchAsync(ContainerPath id, CancellationToken ct)
    {
        var record = book.Get(id);
        if (record.SharesNetworkOf is not { } shared)
        {
            return await WatchAsync(record, ct);
        }

        // A container in another's network has that one's reasons, ends with it, and by itself before.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var own = book.EndOf(record.Id);
        var owners = WatchOwnerAsync(shared, ended.Token);
        try
        {
            return await Task.WhenAny(own, owners).WaitAsync(ct) == own ? null : await owners;
        }
        finally
        {
            await ended.CancelAsync();
            await Ended(owners);
        }
    }

    private async Task<ContainerLimit?> WatchOwnerAsync(string owner, CancellationToken ct) =>
        book.Find(owner) is { } record && await WatchAsync(record, ct) is { } limit
            ? limit
            : new(false, "", $"container {owner}, whose network it shares, is gone");

    private async Task<ContainerLimit?> WatchAsync(ContainerRecord record, CancellationToken ct)
    {
        if (record.Networks.IsEmpty)
        {
            throw new CalicoException(Problem.Damaged, $"what the node's log has of container {record.Id} cannot be read", "container_id");
        }

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var watches = record.Interfaces.Select(i => WatchAsync(record.Id, i.Interface, ended.Token)).ToList();
        try
        {
            while (watches.Count > 0)
            {
                var first = await Task.WhenAny(watches);
                watches.Remove(first);
                if (await first is { } limit)
                {
                    return limit;
                }
            }

            return null;
        }
        finally
        {
            await ended.CancelAsync();
            // Ended, whatever they end with: the first one's word counts.
            await Task.WhenAll(watches.Select(Ended));
        }
    }

    private async Task<ContainerLimit?> WatchAsync(string container, string name, CancellationToken caller)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(caller);
        var ct = ended.Token;
        var id = ContainerPath.EndpointOf(container, name);
        await using var changes = dataplane.WatchAsync(id, ct).GetAsyncEnumerator(ct);
        Task<bool>? next = null;
        try
        {
            while (true)
            {
                next ??= changes.MoveNextAsync().AsTask();
                if (!await next)
                {
                    return Gone(container, name, "its endpoint was removed");
                }

                next = null;
                var (state, reason) = changes.Current;
                if (state == EndpointState.Failed)
                {
                    return new(true, name, reason);
                }

                if (state == EndpointState.Gone)
                {
                    return Gone(container, name, reason.Length > 0 ? reason : "its endpoint was removed");
                }

                if (state == EndpointState.Enforced || !IsIsolated(container))
                {
                    continue;
                }

                // Closed, or without its link: for longer than what mends itself takes.
                next = changes.MoveNextAsync().AsTask();
                if (await Task.WhenAny(next, Task.Delay(settings.LimitedAfter, time, ct)) != next)
                {
                    ct.ThrowIfCancellationRequested();
                    return state == EndpointState.Closed
                        ? new(true, name, reason)
                        : Gone(container, name, reason.Length > 0 ? reason : "its interface is gone");
                }
            }
        }
        catch (CalicoException e) when (e.Problem == Problem.NotFound)
        {
            // Between the look at the book and the first question.
            return Gone(container, name, "its endpoint was removed");
        }
        finally
        {
            // An enumerator is not disposed while it moves; its token ends it.
            await ended.CancelAsync();
            await Ended(next ?? Task.CompletedTask);
        }
    }

    private static Task Ended(Task task) =>
        task.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    private bool IsIsolated(string container) => book.Find(container) is { IsIsolated: true };

    /// <summary>What a cleanup took away is no limitation.</summary>
    private ContainerLimit? Gone(string container, string name, string reason) =>
        book.Find(container) is null || book.IsEnding(container) ? null : new(false, name, reason);
}
