using Calico.Dataplane.Translation;
using Calico.Linux;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Lets what nothing leads to any more stand until the packets that may be on their way to it have ended.</summary>
/// <remarks>One at a time, for all changes that wait: what comes while one runs waits for the next.</remarks>
/// <param name="wait">Done when every packet that began before the call has ended.</param>
/// <param name="wake">Called when one is over.</param>
internal sealed class GracePeriod(Func<CancellationToken, Task> wait, Action wake) : IDisposable
{
    /// <summary>Where the kernel tells of no end: longer than any packet takes through our chains.</summary>
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _disposed = new();
    private (Task Wait, long Through)? _running;

    /// <summary>The kernel's: an RCU grace period, else a second. Never on the caller's thread.</summary>
    public static async Task WaitAsync(TimeProvider time, CancellationToken ct)
    {
        if (!await Task.Run(MemoryBarriers.TryGlobal, ct))
        {
            await Task.Delay(LongEnough, time, ct);
        }
    }

    /// <summary>Tells the table if one is over. Before it is committed.</summary>
    public void Take(Ruleset ruleset)
    {
        if (_running is { Wait.IsCompleted: true } over)
        {
            _running = null;
            over.Wait.GetAwaiter().GetResult();
            ruleset.EndGrace(over.Through);
        }
    }

    /// <summary>Begins one if something waits. After it was committed.</summary>
    public void Begin(Ruleset ruleset)
    {
        if (_running is null && ruleset.IsPending)
        {
            var running = wait(_disposed.Token);
            _running = (running, ruleset.Commits);
            _ = running.ContinueWith(_ => wake(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    public void Dispose()
    {
        _disposed.Cancel();
        _disposed.Dispose();
    }
}
