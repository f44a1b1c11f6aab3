namespace Calico.Plugins.Cni;

/// <summary>One ADD of a container's interface at a time, its undo included: whoever asks again must not be given what is being taken back.
/// A key that nobody holds or waits for costs nothing.</summary>
internal sealed class CallTurns
{
    private readonly Lock _guard = new();
    private readonly Dictionary<string, (SemaphoreSlim Turn, int Users)> _turns = [];

    /// <summary>Waits for the key's turn; dispose the result to pass it on.</summary>
    public async Task<IDisposable> EnterAsync(string key, CancellationToken ct)
    {
        SemaphoreSlim turn;
        lock (_guard)
        {
            var (found, users) = _turns.GetValueOrDefault(key);
            turn = found ?? new SemaphoreSlim(1, 1);
            _turns[key] = (turn, users + 1);
        }

        try
        {
            await turn.WaitAsync(ct);
        }
        catch
        {
            Leave(key);
            throw;
        }

        return new Held(this, key, turn);
    }

    private void Leave(string key)
    {
        lock (_guard)
        {
            var (turn, users) = _turns[key];
            if (users > 1)
            {
                _turns[key] = (turn, users - 1);
                return;
            }

            _turns.Remove(key);
            turn.Dispose();
        }
    }

    private sealed class Held(CallTurns turns, string key, SemaphoreSlim turn) : IDisposable
    {
        public void Dispose()
        {
            turn.Release();
            turns.Leave(key);
        }
    }
}
