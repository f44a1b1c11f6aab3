namespace Calico.Host.Lifecycle;

/// <summary>Closed until the host can connect workloads; calls that come before wait for it within their own time.</summary>
public sealed class StartGate
{
    private readonly TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string reason = "the host is starting";

    /// <summary>What is waited for; for messages.</summary>
    public string Reason
    {
        get => reason;
        set => reason = value;
    }

    public bool IsOpen => opened.Task.IsCompletedSuccessfully;

    public void Open() => opened.TrySetResult();

    /// <summary>Waits for the opening.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/> with what is still waited for, when the caller's time ends.</exception>
    public async ValueTask PassAsync(CancellationToken ct)
    {
        if (opened.Task.IsCompleted)
        {
            return;
        }

        try
        {
            await opened.Task.WaitAsync(ct);
        }
        catch (OperationCanceledException e)
        {
            throw new CalicoException(Problem.Unavailable, $"calico-host is not ready yet: {reason}", null, e);
        }
    }
}
