namespace Calico;

/// <summary>Says where the time of an adapter's calls goes: a histogram per stage in <c>/metrics</c>, <c>calicoctl status -o timings</c>,
/// one line in the log at debug.</summary>
/// <remarks>Safe to call concurrently. Costs a call a few microseconds, most of them after its answer.</remarks>
public interface ICallTimings
{
    /// <summary>Begins a call, in its first stage. What the host does for it, as long as whoever began it awaits it, is timed as its
    /// stages: <c>wait</c>, <c>plan</c>, <c>commit</c>, <c>kernel</c>.</summary>
    /// <param name="verb">One of few: it becomes a label. Not what a stranger sent.</param>
    /// <param name="subject">Whom it concerns, for the log.</param>
    /// <param name="stage">Its first stage.</param>
    /// <returns>Dispose it when the caller has its answer: that is when it is counted. Once; the second time does nothing.</returns>
    ITimedCall Begin(string verb, string subject, string stage);
}
