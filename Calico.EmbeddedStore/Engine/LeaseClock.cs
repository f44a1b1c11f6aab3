namespace Calico.EmbeddedStore.Engine;

/// <summary>When leases end. Kept in memory only: after a restart every lease has its whole time again, as with etcd's new leader.
/// </summary>
/// <remarks>The lock guards the deadlines. The callback is called from the timer and must not block.</remarks>
internal sealed class LeaseClock : IDisposable
{
    // Also the shortest wait between two tries when the writer's queue was full.
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly Dictionary<long, (TimeSpan Ttl, TimeSpan Deadline)> _leases = [];
    private readonly ITimer _timer;

    public LeaseClock(TimeProvider time, Action onExpired)
    {
        _time = time;
        _start = time.GetTimestamp();
        _timer = time.CreateTimer(_ =>
        {
            onExpired();
            lock (_lock)
            {
                Arm();
            }
        }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    // Monotonic: a stepped wall clock must not end every lease at once.
    private TimeSpan Now => _time.GetElapsedTime(_start);

    public void Start(long id, long seconds)
    {
        lock (_lock)
        {
            var ttl = TimeSpan.FromSeconds(seconds);
            _leases[id] = (ttl, Now + ttl);
            Arm();
        }
    }

    /// <summary>The lease's seconds when it was kept alive; 0: it is gone.</summary>
    public long KeepAlive(long id)
    {
        lock (_lock)
        {
            if (!_leases.TryGetValue(id, out var lease) || lease.Deadline <= Now)
            {
                return 0;
            }

            _leases[id] = (lease.Ttl, Now + lease.Ttl);
            return (long)lease.Ttl.TotalSeconds;
        }
    }

    /// <summary>Time that is left; null: no such lease.</summary>
    public TimeSpan? Remaining(long id)
    {
        lock (_lock)
        {
            return _leases.TryGetValue(id, out var lease) && lease.Deadline > Now ? lease.Deadline - Now : null;
        }
    }

    public List<long> Expired()
    {
        lock (_lock)
        {
            var now = Now;
            return [.. _leases.Where(l => l.Value.Deadline <= now).Select(l => l.Key)];
        }
    }

    public void End(long id) => Forget(lease => lease == id);

    public void Forget(Predicate<long> gone)
    {
        lock (_lock)
        {
            foreach (var id in _leases.Keys.Where(id => gone(id)).ToList())
            {
                _leases.Remove(id);
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Arm()
    {
        if (_leases.Count == 0)
        {
            return;
        }

        var due = _leases.Values.Min(l => l.Deadline) - Now;
        _timer.Change(due < Shortest ? Shortest : due, Timeout.InfiniteTimeSpan);
    }
}
