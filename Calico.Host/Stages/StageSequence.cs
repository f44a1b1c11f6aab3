using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>Takes stages through their life: started in order; all drained, then stopped in reverse.</summary>
/// <remarks>
/// - All drains come before the first stop: whoever lets calls end needs everything below it, and something above it may be what ends them.
/// - Drain and stop go on over errors, which are collected and said. One that hangs has its time and is then left, so that the others are
///   stopped before the service manager's patience ends.
/// - A start that fails ends what it started and what it half started; its cause is what the caller gets.
/// </remarks>
/// <param name="starting">Told of each stage before it starts.</param>
/// <param name="time">Clock of the bounds.</param>
/// <param name="logger">Gets a line for each fault of a stop.</param>
internal sealed partial class StageSequence(Action<IHostStage> starting, TimeProvider time, ILogger logger)
{
    /// <summary>For all stages together. An adapter's calls have five seconds, and then ten to undo what was cut.</summary>
    public static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(17);

    /// <summary>For each stage.</summary>
    public static readonly TimeSpan StopTime = TimeSpan.FromSeconds(5);

    private readonly List<IHostStage> _stages = [];

    /// <summary>Starts stages one after the other. They are this sequence's from now on, also those that are not come to.</summary>
    public async Task StartAsync(IReadOnlyList<IHostStage> stages, CancellationToken ct)
    {
        _stages.AddRange(stages);
        try
        {
            foreach (var stage in stages)
            {
                ct.ThrowIfCancellationRequested();
                starting(stage);
                await stage.StartAsync(ct);
            }
        }
        catch
        {
            // Who called has waited for this start: what came of it is the cause, and its own faults are in the log.
            await StopAsync();
            throw;
        }
    }

    /// <summary>Drains and stops whatever has been handed over; at once when there is nothing left.</summary>
    /// <returns>What did not end well, in the order it was met.</returns>
    public async Task<ImmutableArray<StageFault>> StopAsync()
    {
        var stages = Enumerable.Reverse(_stages).ToArray();
        _stages.Clear();
        var faults = (await Task.WhenAll(stages.Select(stage => TryAsync(stage, "drain", stage.DrainAsync, DrainTime)))).ToList();
        foreach (var stage in stages)
        {
            faults.Add(await TryAsync(stage, "stop", stage.StopAsync, StopTime));
        }

        return [.. faults.OfType<StageFault>()];
    }

    private async Task<StageFault?> TryAsync(IHostStage stage, string step, Func<CancellationToken, Task> work, TimeSpan limit)
    {
        using var patience = new CancellationTokenSource(limit, time);
        try
        {
            // On a thread of its own: one that blocks before its first await must not keep the others.
            await Task.Run(() => work(patience.Token), CancellationToken.None).WaitAsync(patience.Token);
            return null;
        }
        catch (Exception e)
        {
            // An edge: everything is ended, even if one part fails.
            var fault = new StageFault(stage.Name, step, patience.IsCancellationRequested && e is OperationCanceledException
                ? $"not done within {limit.TotalSeconds:0} s" : e.Message);
            Log.Fault(logger, stage.Name, step, fault.Reason);
            return fault;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1002, LogLevel.Warning, "{Stage}: {Step} did not end well: {Reason}")]
        public static partial void Fault(ILogger logger, string stage, string step, string reason);
    }
}
