using System.Collections.Concurrent;

namespace Calico.TestKit.Workloads;

/// <summary>A call that an adapter timed, and the stages it told.</summary>
public sealed class FakeTimedCall(string verb, string subject, string first, Action<FakeTimedCall> ended) : ITimedCall
{
    private readonly ConcurrentQueue<string> _stages = new([first]);
    private readonly ConcurrentQueue<(string Stage, TimeSpan Took)> _before = [];
    private int _isOver;

    /// <summary>What it was begun with.</summary>
    public (string Verb, string Subject) Of => (verb, subject);

    /// <summary>In the order in which they were entered.</summary>
    public IReadOnlyList<string> Stages => [.. _stages];

    /// <summary>What was spent before.</summary>
    public IReadOnlyList<(string Stage, TimeSpan Took)> Before => [.. _before];

    /// <summary>It said so.</summary>
    public bool IsDone { get; private set; }

    /// <inheritdoc/>
    public void Enter(string stage) => _stages.Enqueue(stage);

    /// <inheritdoc/>
    public void AddBefore(string stage, TimeSpan took) => _before.Enqueue((stage, took));

    /// <inheritdoc/>
    public void Complete() => IsDone = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            ended(this);
        }
    }
}
