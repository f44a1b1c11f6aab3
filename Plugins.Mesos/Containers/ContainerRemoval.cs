using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Takes a container away: interfaces, endpoints, addresses, and what is known of it.</summary>
internal sealed partial class ContainerRemoval(ContainerBook book, IWorkloadNetwork network,
    IWorkloadDataplane dataplane,
    TimeProvider time, ILogger<ContainerRemoval> log)
{
    /// <summary>An undo has its own time.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    /// <summary>Never known, or gone: success.</summary>
    public async Task CleanupAsync(ContainerPath id, CancellationToken ct)
    {
        using var turn = await book.EnterAsync(id.Text, ct);
        await RemoveAsync(id.Text, ct);
    }

    /// <summary>What a failed isolate of a container has made, in a time of its own.</summary>
    public async Task UndoAsync(ContainerPath id)
    {
        using var limit = new CancellationTokenSource(UndoTime, time);
        using var turn = await book.EnterAsync(id.Text, limit.Token);
        if (book.Find(id.Text) is { } record)
        {
            await UndoAsync(record);
        }
    }

    /// <summary>Likewise, if it is still what somebody judged.</summary>
    /// <returns>Whether it was.</returns>
    public async Task<bool> CleanupAsync(ContainerRecord judged, CancellationToken ct)
    {
        using var turn = await book.EnterAsync(judged.Id, ct);
        if (book.Find(judged.Id) != judged)
        {
            return false;
        }

        await RemoveAsync(judged.Id, ct);
        return true;
    }

    /// <summary>What a failed preparation has made. Its turn is held.</summary>
    public async Task UndoAsync(ContainerRecord record)
    {
        using var limit = new CancellationTokenSource(UndoTime, time);
        try
        {
            await RemoveAsync(record.Id, limit.Token);
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            // Marked as ending: the sweep goes on with it.
            Log.NotUndone(log, record.Id, e.Message);
        }
    }

    /// <summary>Everything of it is tried, the first error is told. The record goes last: while anything of the container is left it is
    /// known.</summary>
    /// <remarks>Addresses go with their endpoint, whether they were leased before it or not; a scheduler's stay its own.</remarks>
    private async Task RemoveAsync(string id, CancellationToken ct)
    {
        var record = book.Find(id);
        if (record is not null)
        {
            book.MarkEnding(id);
        }

        // By the host's word: of a damaged record nothing else is known.
        var endpoints = (await network.ListAsync(id, ct)).Where(e => e.Id.Workload == id).ToImmutableArray();
        CalicoException? first = null;
        foreach (var endpoint in endpoints)
        {
            try
            {
                await dataplane.RemoveAsync(endpoint.Id, endpoint.Instance, ct);
            }
            catch (CalicoException e)
            {
                first ??= e;
            }
        }

        if (first is not null)
        {
            throw first;
        }

        if (record is not null)
        {
            await book.RemoveAsync(id, ct);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7300,
            LogLevel.Warning, "What was made of container {Container} before its preparation failed is not taken away yet: {Reason}")]
        public static partial void NotUndone(ILogger log, string container, string reason);
    }
}
