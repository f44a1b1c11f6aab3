using System.Threading.Channels;

namespace Calico.Host.Stages;

/// <summary>Wakes a loop before its interval is over. Signals that come together, or while it works, wake it once.</summary>
internal sealed class LoopSignal(TimeProvider time)
{
    private readonly Channel<bool> _set =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Set() => _set.Writer.TryWrite(true);

    /// <returns>False: nobody did, the interval is over.</returns>
    public async Task<bool> WaitAsync(TimeSpan interval, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(interval, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            return await _set.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }
}
