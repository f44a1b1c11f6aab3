namespace Calico.Host.Lifecycle;

/// <summary>Closed until the host can connect workloads; calls that come before wait for it within their own time.</summary>
public sealed class StartGate
{
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string _reason = "the host is starting";

    /// <summary>What is waited for; for messages.</summary>
    public string Reason
    {
        get => _reason;
        set => _reason = value;
    }

    public bool IsOpen => _opened.Task.IsCompletedSuccessfully;

    public void Open() => _opened.TrySetResult();

    /// <summary>Waits for the opening.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/> with what is still waited for, when the caller's time ends.</exception>
    public async ValueTask PassAsync(CancellationToken ct)
    {
        if (_opened.Task.IsCompleted)
        {
            return;
        }

        try
        {
            await _opened.Task.WaitAsync(ct);
        }
        catch (OperationCanceledException e)
        {
            throw new CalicoException(Problem.Unavailable, $"calico-host is not ready yet: {_reason}", null, e);
        }
    }
}
