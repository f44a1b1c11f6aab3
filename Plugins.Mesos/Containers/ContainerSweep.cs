using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Takes away what no agent will ask for again.</summary>
/// <remarks>
/// An agent that died tells nothing until it starts again, and one of net-modules never does. A container's interface lives as long as its
/// namespace, so an isolated container without any for longer than any call takes is over; its agent is told by a limitation meanwhile.
/// One that is prepared and never isolated is over when its process did not come for a long time. And what was begun to be taken away is
/// taken away.
/// </remarks>
internal sealed partial class ContainerSweep(MesosSettings settings, ContainerBook book, ContainerRemoval removal, ContainerLoading loading,
    IWorkloadNetwork network, IPluginLifetime lifetime, TimeProvider time, ILogger<ContainerSweep> log) : BackgroundService
{
    private const string Check = "forgotten containers";

    /// <summary>Since when each has been without an interface, without a break.</summary>
    private readonly Dictionary<string, long> _since = new(StringComparer.Ordinal);

    /// <summary>One look.</summary>
    /// <returns>How many were taken away.</returns>
    public async Task<int> SweepAsync(CancellationToken ct)
    {
        await loading.WaitAsync(ct);
        var linked = (await network.ListAsync(null, ct)).Where(e => e.State is not EndpointState.Prepared and not EndpointState.Gone)
            .Select(e => e.Id.Workload).ToHashSet(StringComparer.Ordinal);
        var records = book.All;
        var lost = records.Where(r => r.SharesNetworkOf is null && (r.IsIsolated || r.Agent is null) && !linked.Contains(r.Id))
            .Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var well in _since.Keys.Where(id => !lost.Contains(id)).ToArray())
        {
            _since.Remove(well);
        }

        var (ended, failures) = (0, new List<string>());
        foreach (var record in records)
        {
            if (!IsOver(record, lost))
            {
                continue;
            }

            try
            {
                if (await removal.CleanupAsync(record, ct))
                {
                    ended++;
                    Log.Ended(log, record.Id);
                }
            }
            catch (CalicoException e)
            {
                failures.Add($"{record.Id}: {e.Message}");
            }
        }

        lifetime.Report(Check, failures.Count == 0, string.Join("; ", failures));
        return ended;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.Draining);
        using var timer = new PeriodicTimer(settings.SweepInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ending.Token))
            {
                await TrySweepAsync(ending.Token);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Told to go.
        }
    }

    /// <summary>No round's failure is the loop's end.</summary>
    private async Task TrySweepAsync(CancellationToken ct)
    {
        try
        {
            await SweepAsync(ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            lifetime.Report(Check, false, e.Message);
            Log.Failed(log, e.Message);
        }
    }

    private bool IsOver(ContainerRecord record, HashSet<string> lost)
    {
        if (book.IsEnding(record.Id))
        {
            return true;
        }

        if (record.SharesNetworkOf is { } owner)
        {
            return book.Find(owner) is null;
        }

        if (!record.IsIsolated && record.Agent is not null)
        {
            return time.GetUtcNow() - record.Since >= settings.UnusedAfter;
        }

        if (!lost.Contains(record.Id))
        {
            return false;
        }

        if (_since.TryGetValue(record.Id, out var since))
        {
            return time.GetElapsedTime(since) >= settings.ForgottenAfter;
        }

        _since[record.Id] = time.GetTimestamp();
        return false;
    }

    private static partial class Log
    {
        [LoggerMessage(7302, LogLevel.Warning, "Container {Container} was forgotten by its agent: removed, with its addresses")]
        public static partial void Ended(ILogger log, string container);

        [LoggerMessage(7303, LogLevel.Warning, "Forgotten containers could not be looked for: {Reason}")]
        public static partial void Failed(ILogger log, string reason);
    }
}
