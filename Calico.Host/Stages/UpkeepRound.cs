using System.Collections.Concurrent;
using Calico.Host.Health;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>One round of a loop that keeps something true: each step has its turn whatever the others met, and what they met is said.
/// </summary>
/// <remarks>A cancellation that is not the owner's is a failure like any other: somebody's own time ended below. So only
/// the owner's token ends a loop of rounds.</remarks>
internal sealed partial class UpkeepRound(HealthBoard health, ILogger logger)
{
    private readonly ConcurrentDictionary<string, string> _said = new();

    /// <param name="check">Name in health, part <c>host</c>.</param>
    /// <param name="ct">The owner's.</param>
    /// <param name="steps">In order.</param>
    public async Task RunAsync(string check, CancellationToken ct, params Func<Task>[] steps)
    {
        var reasons = new List<string>();
        foreach (var step in steps)
        {
            ct.ThrowIfCancellationRequested();
            try
            {
                await step();
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                reasons.Add(e is OperationCanceledException ? "a step was not done in its time" : e.Message);
                if (e is not (CalicoException or OperationCanceledException) && _said.GetValueOrDefault(check) != e.Message)
                {
                    _said[check] = e.Message;
                    Log.Unexpected(logger, check, e);
                }
            }
        }

        health.Report("host", check, reasons.Count == 0, string.Join("; ", reasons.Distinct()));
    }

    private static partial class Log
    {
        [LoggerMessage(1070, LogLevel.Error, "{Check} met an error nobody expected; the other steps go on, and it is tried again")]
        public static partial void Unexpected(ILogger logger, string check, Exception reason);
    }
}
