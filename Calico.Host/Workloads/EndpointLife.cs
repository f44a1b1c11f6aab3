using System.Runtime.CompilerServices;

namespace Calico.Host.Workloads;

/// <summary>An endpoint in memory: its record and where it is in its life. Changed under the endpoint's lock only; read by anybody.</summary>
public sealed class EndpointLife(EndpointRecord record, EndpointState state)
{
    private readonly Lock guard = new();
    private EndpointRecord record = record;
    private EndpointState state = state;
    private string reason = "";
    private TaskCompletionSource changed = New();

    public EndpointRecord Record
    {
        get
        {
            lock (guard)
            {
                return record;
            }
        }
    }

    public (EndpointState State, string Reason) Status
    {
        get
        {
            lock (guard)
            {
                return (state, reason);
            }
        }
    }

    /// <summary>Its removal was begun: whatever of it failed, it does not go on living.</summary>
    public bool IsEnding { get; set; }

    public Attachment ToAttachment()
    {
        lock (guard)
        {
            return record.ToAttachment(state, reason);
        }
    }

    public void Replace(EndpointRecord next)
    {
        lock (guard)
        {
            record = next;
        }
    }

    public void Move(EndpointState next, string why = "")
    {
        TaskCompletionSource signal;
        lock (guard)
        {
            if (state == next && reason == why)
            {
                return;
            }

            (state, reason) = (next, why);
            signal = changed;
            changed = New();
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
            lock (guard)
            {
                now = (state, reason);
                next = changed.Task;
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
