using Calico.Dataplane;

namespace Calico.Host.Health;

/// <summary>The kernel's counters, for all who show some of them: a scrape asks the loop once, however many metrics it fills.</summary>
/// <remarks>The list of 15,000 counters takes the loop milliseconds in which it enforces nothing.</remarks>
internal sealed class KernelCounters
{
    private readonly Func<CancellationToken, Task<CounterReport>> _read;

    /// <param name="read">Asks the dataplane.</param>
    /// <param name="meters">Before they collect, it is asked.</param>
    public KernelCounters(Func<CancellationToken, Task<CounterReport>> read, HostMeters meters)
    {
        _read = read;
        meters.BeforeReading(async ct =>
        {
            // Of a loop that does not answer nothing is known, and what was is not told as if it were.
            Collected = CounterReport.Empty;
            Collected = await read(ct);
        });
    }

    /// <summary>As of the collection of the meters that is under way.</summary>
    public CounterReport Collected { get; private set; } = CounterReport.Empty;

    /// <summary>As they are now.</summary>
    public Task<CounterReport> ReadAsync(CancellationToken ct) => _read(ct);
}
