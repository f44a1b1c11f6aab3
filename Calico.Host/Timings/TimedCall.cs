namespace Calico.Host.Timings;

/// <summary>A call that is under way, and the stages it was in.</summary>
/// <remarks>
/// The host's parts find it as the framework's <c>Activity</c> is found: by the flow of the call, so no part in between has to hand it on.
/// It is not seen where the flow ends: the writers of IPAM and of the store work for many calls at once.
/// </remarks>
internal sealed class TimedCall(CallTimings timings, string adapter, string verb, string subject, string stage, TimeProvider time)
    : ITimedCall
{
    private static readonly AsyncLocal<TimedCall?> Flow = new();

    private readonly Lock _guard = new();
    private readonly List<StageTime> _stages = new(12);
    private string _stage = stage;
    private long _since = time.GetTimestamp();
    private bool _isDone;
    private bool _isOver;

    /// <summary>The call that the running code belongs to; null: none that is timed.</summary>
    public static TimedCall? Current => Flow.Value;

    public string Adapter => adapter;

    public string Verb => verb;

    public string Subject => subject;

    public bool HasFailed => !_isDone;

    /// <summary>In the order in which they began; those beside others too. After the end.</summary>
    public IReadOnlyList<StageTime> Stages => _stages;

    private long Now => time.GetTimestamp();

    /// <summary>Makes it what <see cref="Current"/> is from here on, for what the caller awaits.</summary>
    public TimedCall Begin()
    {
        Flow.Value = this;
        return this;
    }

    public void Enter(string stage)
    {
        lock (_guard)
        {
            if (!_isOver && stage != _stage)
            {
                Close();
                _stage = stage;
            }
        }
    }

    public void AddBefore(string stage, TimeSpan took) => Add(stage, took, isBeside: false);

    /// <summary>Does what is a part of the stage that the current call is in, beside other such: it does not count into the total a second
    /// time. What fails is not counted.</summary>
    public static async Task BesideAsync(string stage, Func<Task> work)
    {
        var (call, since) = (Current, Current?.Now ?? 0);
        await work();
        call?.AddBeside(stage, since);
    }

    /// <summary>As <see cref="BesideAsync(string, Func{Task})"/>.</summary>
    public static async Task<T> BesideAsync<T>(string stage, Func<Task<T>> work)
    {
        var (call, since) = (Current, Current?.Now ?? 0);
        var result = await work();
        call?.AddBeside(stage, since);
        return result;
    }

    public void Complete() => _isDone = true;

    public void Dispose()
    {
        lock (_guard)
        {
            if (_isOver)
            {
                return;
            }

            Close();
            _isOver = true;
        }

        Flow.Value = null;
        timings.Count(this);
    }

    private void AddBeside(string name, long since) => Add(name, time.GetElapsedTime(since), isBeside: true);

    private void Close()
    {
        var now = time.GetTimestamp();
        AddHeld(_stage, time.GetElapsedTime(_since, now), isBeside: false);
        _since = now;
    }

    private void Add(string name, TimeSpan took, bool isBeside)
    {
        lock (_guard)
        {
            if (!_isOver)
            {
                AddHeld(name, took, isBeside);
            }
        }
    }

    private void AddHeld(string name, TimeSpan took, bool isBeside)
    {
        var at = _stages.FindIndex(s => s.Stage == name);
        if (at < 0)
        {
            _stages.Add(new(name, took, isBeside));
        }
        else
        {
            _stages[at] = _stages[at] with { Took = _stages[at].Took + took };
        }
    }
}
