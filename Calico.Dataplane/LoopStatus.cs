namespace Calico.Dataplane;

/// <summary>What the loop last said, for whoever asks. Said on the loop, read from any thread.</summary>
internal sealed class LoopStatus
{
    private volatile DataplaneStatus _current = DataplaneStatus.Initial;

    public DataplaneStatus Current => _current;

    public event EventHandler? Changed;

    public event EventHandler<string>? LinkGone;

    public void Say(DataplaneStatus status)
    {
        if (status != _current)
        {
            _current = status;
            Changed?.Invoke(this, EventArgs.Empty);
        }
    }

    public void SayGone(string link) => LinkGone?.Invoke(this, link);
}
