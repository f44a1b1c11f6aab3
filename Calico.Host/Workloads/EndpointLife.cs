using System.Runtime.CompilerServices;

namespace Calico.Host.Workloads;

/// <summary>An endpoint in memory: its record and where it is in its life. Changed under the endpoint's lock only; read by anybody.
/// </summary>
internal sealed class EndpointLife(EndpointRecord record, EndpointState state)
{
    private readonly Lock _guard = new();
    private EndpointRecord _record = record;
    private EndpointState _state = state;
    private string _reason = "";
    private TaskCompletionSource _changed = New();

    public EndpointRecord Record
    {
        get
        {
            lock (_guard)
            {
                return _record;
            }
        }
    }

    public (EndpointState State, string Reason) Status
    {
        get
        {
            lock (_guard)
            {
                return (_state, _reason);
            }
        }
    }

    /// <summary>Its removal was begun: whatever of it failed, it does not go on living.</summary>
    public bool IsEnding { get; set; }

    /// <summary>A call is making its link, and holds its namespace open until that is done.</summary>
    public bool IsBeingPlaced { get; set; }

    public Attachment ToAttachment()
    {
        lock (_guard)
        {
            return _record.ToAttachment(_state, _reason);
        }
    }

    public void Replace(EndpointRecord next)
    {
        lock (_guard)
        {
            _record = next;
        }
    }

    public void Move(EndpointState next, string why = "")
    {
        TaskCompletionSource signal;
        lock (_guard)
        {
            if (_state == next && _reason == why)
            {
                return;
            }

            (_state, _reason) = (next, why);
            signal = _changed;
            _changed = New();
        }

        signal.SetResult();
    }

    /// <summary>The state now, then each change until it is gone. A slow reader misses what came and went in between.</summary>
    public async IAsyncEnumerable<(EndpointState State, string Reason)> WatchAsync([EnumeratorCancellation] CancellationToken ct)
    {
        while (true)
        {
            (EndpointState, string) now;
            Task next;
            lock (_guard)
            {
                now = (_state, _reason);
                next = _changed.Task;
            }

            yield return now;
            if (now.Item1 == EndpointState.Gone)
            {
                yield break;
            }

            await next.WaitAsync(ct);
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
