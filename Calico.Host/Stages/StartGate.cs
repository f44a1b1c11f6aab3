namespace Calico.Host.Stages;

/// <summary>Closed until the host can connect workloads, and again for what is new when it stops; calls that come before wait for it within
/// their own time.</summary>
internal sealed class StartGate
{
    private const string Stopping = "calico-host is stopping; try again later";

    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string _reason = "the host is starting";
    private volatile bool _isDraining;
    private volatile bool _isClosed;

    /// <summary>What is waited for; for messages.</summary>
    public string Reason
    {
        get => _isDraining ? "calico-host is stopping" : _reason;
        set => _reason = value;
    }

    /// <summary>Whether new workloads may come.</summary>
    public bool IsOpen => !_isDraining && _opened.Task.IsCompletedSuccessfully;

    public void Open() => _opened.TrySetResult();

    /// <summary>The host begins to stop: what waits is answered now. Calls that are under way pass as before, although they may come here
    /// late: they may hold something already, another's address for instance.</summary>
    public void Drain()
    {
        _isDraining = true;
        _opened.TrySetException(new CalicoException(Problem.Unavailable, Stopping));
        // Seen here: nobody may be waiting.
        _ = _opened.Task.Exception;
    }

    /// <summary>No call is under way any more: nothing new may be made, by whatever comes all the same. What ends something (a removal, an
    /// undo) passes.</summary>
    public void Close() => _isClosed = true;

    /// <summary>Waits for the opening; for calls that make something new.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/> with what is still waited for, when the caller's time ends; or
    /// at once, when the host stops.</exception>
    public ValueTask PassNewAsync(CancellationToken ct) =>
        _isClosed ? throw new CalicoException(Problem.Unavailable, Stopping) : PassAsync(ct);

    /// <summary>Waits for the opening.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/> with what is still waited for, when the caller's time ends; or
    /// at once, when the host stops before it has opened.</exception>
    public async ValueTask PassAsync(CancellationToken ct)
    {
        if (_opened.Task.IsCompletedSuccessfully)
        {
            return;
        }

        try
        {
            await _opened.Task.WaitAsync(ct);
        }
        catch (OperationCanceledException e)
        {
            throw new CalicoException(Problem.Unavailable, $"calico-host is not ready yet: {Reason}", null, e);
        }
    }

    /// <summary>Waits for the opening, a drain, or a time, whichever comes first; for what may come later than workloads.</summary>
    public async Task OpensWithinAsync(TimeSpan time, TimeProvider clock, CancellationToken ct)
    {
        try
        {
            await Task.WhenAny(_opened.Task).WaitAsync(time, clock, ct);
        }
        catch (TimeoutException)
        {
            // Late, and whoever asked does not wait longer.
        }
    }
}
