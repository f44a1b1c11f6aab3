namespace Calico;

/// <summary>One call that is timed. Every moment of it belongs to one stage. Safe to use from several tasks; after its end nothing counts.
/// </summary>
public interface ITimedCall : IDisposable
{
    /// <summary>From now on the call is in <paramref name="stage"/>; the time since the stage before began is that one's. The stage it is
    /// in already goes on, one that comes again adds up.</summary>
    /// <param name="stage">One of few: it becomes a label.</param>
    void Enter(string stage);

    /// <summary>What the call's caller spent before the call came here; counts into its total.</summary>
    /// <param name="stage">One of few: it becomes a label.</param>
    /// <param name="took">Zero or more.</param>
    void AddBefore(string stage, TimeSpan took);

    /// <summary>The call was done. One that ends without this has failed and is counted apart, so that refusals do not hide among what was
    /// done.</summary>
    void Complete();
}
