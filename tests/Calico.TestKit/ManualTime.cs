namespace Calico.TestKit;

/// <summary>A clock that stands until a test moves it. Timers run on the thread that moves it. Safe from any thread.</summary>
public sealed class ManualTime : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<Timer> _timers = [];
    private long _ticks = TimeSpan.TicksPerDay;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>How long each timer that is set still has.</summary>
    public IReadOnlyList<TimeSpan> Waiting
    {
        get
        {
            lock (_gate)
            {
                return [.. _timers.Select(t => new TimeSpan(t.Due - _ticks))];
            }
        }
    }

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + new TimeSpan(GetTimestamp());

    /// <summary>Moves the clock, and runs what becomes due, in order.</summary>
    public void Advance(TimeSpan by)
    {
        var until = GetTimestamp() + by.Ticks;
        while (true)
        {
            Timer? next;
            lock (_gate)
            {
                next = _timers.Where(t => t.Due <= until).MinBy(t => t.Due);
                Interlocked.Exchange(ref _ticks, next?.Due ?? until);
                if (next is null)
                {
                    return;
                }

                _timers.Remove(next);
                next.Again();
            }

            next.Run();
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public long Due { get; private set; }

        public void Run() => callback(state);

        /// <summary>Under the gate.</summary>
        public void Again()
        {
            if (_period > TimeSpan.Zero)
            {
                Due += _period.Ticks;
                time._timers.Add(this);
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                time._timers.Remove(this);
                _period = period;
                Due = time._ticks + dueTime.Ticks;
                if (dueTime > TimeSpan.Zero)
                {
                    time._timers.Add(this);
                }
            }

            if (dueTime == TimeSpan.Zero)
            {
                Run();
            }

            return true;
        }

        public void Dispose()
        {
            lock (time._gate)
            {
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
