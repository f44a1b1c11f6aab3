namespace Calico.UnitTests.Docker;

/// <summary>A clock in which waits of up to a budget are over at once and are added up, and longer ones never end: what somebody waits for
/// is counted, and how busy the machine is does not come into it.</summary>
internal sealed class AddedTime(TimeSpan budget) : TimeProvider
{
    private long _ticks;

    /// <summary>The waits since <see cref="Begin"/>, as if each had come after the other.</summary>
    public TimeSpan Waited => TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    public void Begin() => Interlocked.Exchange(ref _ticks, 0);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime < TimeSpan.Zero || dueTime > budget)
        {
            return base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        Interlocked.Add(ref _ticks, dueTime.Ticks);
        return base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
