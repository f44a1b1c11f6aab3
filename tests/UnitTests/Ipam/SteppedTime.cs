using Microsoft.Extensions.Time.Testing;

namespace Calico.UnitTests.Ipam;

/// <summary>A clock that only the test moves, in which nobody waits: whoever lost a race tries again at once.</summary>
internal sealed class SteppedTime : FakeTimeProvider
{
    public SteppedTime() : base(DateTimeOffset.UnixEpoch.AddYears(56)) { }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
}
