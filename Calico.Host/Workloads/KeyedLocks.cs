namespace Calico.Host.Workloads;

/// <summary>One asynchronous lock per key; a key without holder or waiter costs nothing.</summary>
internal sealed class KeyedLocks<TKey> where TKey : notnull
{
    private readonly Lock _guard = new();
    private readonly Dictionary<TKey, Entry> _entries = [];

    /// <summary>Waits for the key; dispose the result to give it back.</summary>
    public async Task<IDisposable> EnterAsync(TKey key, CancellationToken ct)
    {
        Entry entry;
        lock (_guard)
        {
            if (!_entries.TryGetValue(key, out entry!))
            {
                _entries[key] = entry = new();
            }

            entry.Users++;
        }

        try
        {
            await entry.Semaphore.WaitAsync(ct);
        }
        catch
        {
            Leave(key, entry, held: false);
            throw;
        }

        return new Hold(this, key, entry);
    }

    private void Leave(TKey key, Entry entry, bool held)
    {
        if (held)
        {
            entry.Semaphore.Release();
        }

        lock (_guard)
        {
            if (--entry.Users == 0)
            {
                _entries.Remove(key);
                entry.Semaphore.Dispose();
            }
        }
    }

    private sealed class Entry
    {
        public SemaphoreSlim Semaphore { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Hold(KeyedLocks<TKey> owner, TKey key, Entry entry) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                owner.Leave(key, entry, held: true);
            }
        }
    }
}
