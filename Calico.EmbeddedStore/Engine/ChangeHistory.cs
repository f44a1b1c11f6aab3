namespace Calico.EmbeddedStore.Engine;

/// <summary>The changes since the last compaction, in order; what watches are fed from.</summary>
/// <remarks>A watch holds a position, not a queue: a slow one costs nothing and, when compaction overtakes it, is told so. The lock
/// guards the list and nothing is called inside it.</remarks>
internal sealed class ChangeHistory
{
    private readonly Lock _lock = new();
    private List<KeyVersion> _changes = [];
    private int _first;
    private long _bytes;
    private TaskCompletionSource _next = NewSignal();

    /// <summary>Completes at the first pulse after the call.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _changes.Count - _first;
            }
        }
    }

    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Adds changes. The caller publishes the state they lead to and pulses afterwards: so whoever reads up to a published
    /// revision finds everything, and whoever is told of a change can read it.</summary>
    public void Append(IReadOnlyList<KeyVersion> changes)
    {
        lock (_lock)
        {
            _changes.AddRange(changes);
            _bytes += changes.Sum(c => (long)c.Size);
        }
    }

    /// <summary>Wakes every watch, so that it looks at the state again.</summary>
    public void Pulse() => Interlocked.Exchange(ref _next, NewSignal()).TrySetResult();

    /// <summary>Whole revisions of the interval, until there are about so many changes or bytes. Afterwards the caller checks that the
    /// first one was not compacted meanwhile.</summary>
    /// <param name="reached">The changes are complete up to this revision.</param>
    public List<KeyVersion> Read(long fromRevision, long upToRevision, int most, long mostBytes, out long reached)
    {
        lock (_lock)
        {
            var at = IndexOf(fromRevision);
            var last = IndexOf(upToRevision + 1);
            var end = at;
            var bytes = 0L;
            while (end < last && ((end - at < most && bytes < mostBytes) || _changes[end].ModRevision == _changes[end - 1].ModRevision))
            {
                bytes += _changes[end].Size;
                end++;
            }

            reached = end < last ? _changes[end - 1].ModRevision : upToRevision;
            return _changes.GetRange(at, end - at);
        }
    }

    /// <summary>The oldest revision from which on there are at most so many changes and bytes; 0 when there is nothing to trim.</summary>
    public long RevisionToKeep(int changes, long bytes, int atLeast)
    {
        lock (_lock)
        {
            var count = _changes.Count - _first;
            var size = _bytes;
            var at = _first;
            while (count > atLeast && (count > changes || size > bytes))
            {
                size -= _changes[at].Size;
                count--;
                at++;
            }

            return at == _first ? 0 : _changes[at].ModRevision;
        }
    }

    /// <summary>Takes out the changes up to a revision and returns them.</summary>
    public List<KeyVersion> Trim(long upTo)
    {
        lock (_lock)
        {
            var end = IndexOf(upTo + 1);
            var trimmed = _changes.GetRange(_first, end - _first);
            _bytes -= trimmed.Sum(c => (long)c.Size);
            for (var i = _first; i < end; i++)
            {
                _changes[i] = null!;
            }

            _first = end;

            // Moved down once half of the list is holes: amortised constant.
            if (_first > _changes.Count / 2)
            {
                _changes = _changes.GetRange(_first, _changes.Count - _first);
                _first = 0;
            }

            return trimmed;
        }
    }

    private int IndexOf(long revision)
    {
        var (low, high) = (_first, _changes.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_changes[middle].ModRevision < revision)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
