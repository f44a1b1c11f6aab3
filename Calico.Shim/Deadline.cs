using System.Diagnostics;

namespace Calico.Shim;

/// <summary>A moment by which something has to be over.</summary>
internal readonly struct Deadline(TimeSpan limit)
{
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>How much there was from the beginning.</summary>
    public TimeSpan Limit => limit;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    /// <summary>What is left; zero when it is over.</summary>
    public TimeSpan Left => Elapsed is var elapsed && elapsed < limit ? limit - elapsed : TimeSpan.Zero;

    public bool IsOver => Left == TimeSpan.Zero;
}
