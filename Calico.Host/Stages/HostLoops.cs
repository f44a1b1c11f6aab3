using Calico.Host.Health;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The background tasks of one stage: begun, watched, and ended with it.</summary>
/// <remarks>A loop that ends before it is asked to, by an error or without one, is a fault of ours: it is said, the node turns unready, and
/// what stands in the kernel stays. Whether it was asked to only our own token says.</remarks>
internal sealed partial class HostLoops(HealthBoard health, ILogger logger)
{
    private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Task> _running = [];

    /// <param name="name">Names the loop in health, part <c>host</c>.</param>
    /// <param name="loop">Runs until the token fires.</param>
    public void Run(string name, Func<CancellationToken, Task> loop)
    {
        var check = health.Check("host", name);
        check.Well();
        _running.Add(GuardAsync(name, check, loop));
    }

    /// <summary>Ends all; when it returns none runs any more.</summary>
    public Task StopAsync()
    {
        _stop.TrySetResult();
        return Task.WhenAll(_running);
    }

    private async Task GuardAsync(string name, HealthCheck check, Func<CancellationToken, Task> loop)
    {
        using var stopping = new CancellationTokenSource();
        try
        {
            var running = Task.Run(() => loop(stopping.Token), CancellationToken.None);
            if (await Task.WhenAny(running, _stop.Task) == _stop.Task)
            {
                await stopping.CancelAsync();
            }

            await running;
            if (!_stop.Task.IsCompleted)
            {
                Say(name, check, null);
            }
        }
        catch (Exception e)
        {
            // The top frame of a loop.
            if (!_stop.Task.IsCompleted || e is not OperationCanceledException)
            {
                Say(name, check, e);
            }
        }
    }

    private void Say(string name, HealthCheck check, Exception? cause)
    {
        check.Fail($"ended, {cause?.Message ?? "without a reason"}; what it did is not done any more: start calico-host again",
            neededForReady: true);
        Log.Ended(logger, name, cause);
    }

    private static partial class Log
    {
        [LoggerMessage(1003, LogLevel.Error, "the {Loop} loop ended; a restart of the host is needed")]
        public static partial void Ended(ILogger logger, string loop, Exception? reason);
    }
}
