using System.Collections.Immutable;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>Networks to look at: each once, however often it is told. So whoever reads dockerd's events never waits, and none is lost:
/// dockerd drops events for a reader that is slow, without a word.</summary>
internal sealed class ChangedNetworks(TimeProvider time)
{
    private readonly Lock _guard = new();
    private ImmutableHashSet<string> _ids = [];
    private TaskCompletionSource _told = New();

    /// <param name="id">Empty: all.</param>
    public void Add(string id)
    {
        lock (_guard)
        {
            _ids = _ids.Add(id);
            _told.TrySetResult();
        }
    }

    /// <summary>Waits until there are some, or the time is over; then there are none.</summary>
    public async Task<ImmutableHashSet<string>> TakeAsync(TimeSpan patience, CancellationToken ct)
    {
        Task told;
        lock (_guard)
        {
            told = _told.Task;
        }

        try
        {
            await told.WaitAsync(patience, time, ct);
        }
        catch (TimeoutException)
        {
            // None came.
        }

        lock (_guard)
        {
            var taken = _ids;
            _ids = [];
            if (_told.Task.IsCompleted)
            {
                _told = New();
            }

            return taken;
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
