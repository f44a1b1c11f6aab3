using System.Collections.Concurrent;

namespace Calico.TestKit.Workloads;

/// <summary>Remembers the calls that an adapter timed.</summary>
public sealed class FakeTimings : ICallTimings
{
    private readonly ConcurrentQueue<FakeTimedCall> _ended = [];

    /// <summary>Calls that are over, in the order in which they ended.</summary>
    public IReadOnlyList<FakeTimedCall> Ended => [.. _ended];

    /// <inheritdoc/>
    public ITimedCall Begin(string verb, string subject, string stage) => new FakeTimedCall(verb, subject, stage, _ended.Enqueue);
}
