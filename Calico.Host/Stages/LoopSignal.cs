namespace Calico.Host.Stages;

/// <summary>Wakes a loop before its interval is over. Signals that come together wake it once.</summary>
internal sealed class LoopSignal : IDisposable
{
    private readonly SemaphoreSlim _waiting = new(0, 1);

    public void Set()
    {
        try
        {
            _waiting.Release();
        }
        catch (SemaphoreFullException)
        {
            // Awake already.
        }
    }

    /// <returns>False: nobody did, the interval is over.</returns>
    public Task<bool> WaitAsync(TimeSpan interval, CancellationToken ct) => _waiting.WaitAsync(interval, ct);

    public void Dispose() => _waiting.Dispose();
}
