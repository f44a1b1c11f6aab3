using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <summary>Notes in the node log that endpoints are complete, written a moment after their answers and many at once.</summary>
/// <remarks>Nobody waits for one, and a start without it looks at the pair itself; but each at once is an fsync of its own, behind which
/// the next ADD's waits. A split life's is written at once: after a boot it decides whether the life is over.</remarks>
internal sealed partial class CompletionNotes(EndpointBook book, INodeLog log, TimeProvider time, ILogger logger,
    CancellationToken stopping)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _guard = new();
    private List<EndpointRecord> _waiting = [];

    /// <param name="record">Complete, and what the endpoint's life holds.</param>
    /// <returns>The writing, for an owner to wait for; null: one that is under way takes it along. When the host stops it does not wait.
    /// </returns>
    public Task? Add(EndpointRecord record)
    {
        if (record.SplitLife)
        {
            return NoteAsync(record);
        }

        lock (_guard)
        {
            _waiting.Add(record);
            return _waiting.Count == 1 ? WriteAsync() : null;
        }
    }

    private async Task WriteAsync()
    {
        try
        {
            await Task.Delay(Pause, time, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Now, then: nothing is left behind.
        }

        List<EndpointRecord> taken;
        lock (_guard)
        {
            (taken, _waiting) = (_waiting, []);
        }

        // Begun side by side: the log writes together what waits for it.
        await Task.WhenAll(taken.Select(NoteAsync));
    }

    private async Task NoteAsync(EndpointRecord record)
    {
        try
        {
            // Under the lock, and only if it is still this life's record: else a removal that overtook us would be written over.
            using var hold = await book.Locks.EnterAsync(record.Id, CancellationToken.None);
            if (book.TryFind(record.Id, out var life) && ReferenceEquals(life.Record, record))
            {
                await log.CommitAsync([record.ToWrite()], CancellationToken.None);
            }
        }
        catch (CalicoException e)
        {
            // Not lost: without the note the next start looks at the pair itself.
            Log.NoteLost(logger, record.Id, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1102, LogLevel.Warning, "{Endpoint}: the log did not take the note that it is complete: {Reason}")]
        public static partial void NoteLost(ILogger logger, WorkloadEndpointId endpoint, string reason);
    }
}
