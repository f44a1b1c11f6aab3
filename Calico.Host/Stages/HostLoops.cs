using Calico.Host.Health;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The background tasks of one stage: begun, watched, and ended with it.</summary>
/// <remarks>A loop that ends before it is asked to, by an error or without one, is a fault of ours: it is said, the node turns unready, and
/// what stands in the kernel stays. Whether it was asked to only our own token says.</remarks>
internal sealed partial class HostLoops(HealthBoard health, ILogger logger)
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _running = [];

    /// <param name="name">Names the loop in health, part <c>host</c>.</param>
    /// <param name="loop">Runs until the token fires.</param>
    public void Run(string name, Func<CancellationToken, Task> loop)
    {
        var check = health.Check("host", name);
        check.Well();
        _running.Add(GuardAsync(name, check, loop));
    }

    /// <summary>Ends all; when it returns none runs any more. Once.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_running);
        _stopping.Dispose();
    }

    private async Task GuardAsync(string name, HealthCheck check, Func<CancellationToken, Task> loop)
    {
        try
        {
            await Task.Run(() => loop(_stopping.Token));
            if (!_stopping.IsCancellationRequested)
            {
                Say(name, check, null);
            }
        }
        catch (Exception e)
        {
            // The top frame of a loop.
            if (!_stopping.IsCancellationRequested || e is not OperationCanceledException)
            {
                Say(name, check, e);
            }
        }
    }

    private void Say(string name, HealthCheck check, Exception? cause)
    {
        check.Fail($"ended, {cause?.Message ?? "without a reason"}; what it did is not done any more: start calico-host again", neededForReady: true);
        Log.Ended(logger, name, cause);
    }

    private static partial class Log
    {
        [LoggerMessage(1003, LogLevel.Error, "the {Loop} loop ended; a restart of the host is needed")]
        public static partial void Ended(ILogger logger, string loop, Exception? reason);
    }
}
