using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using Calico.Datastore.Store;

namespace Calico.TestKit.Store;

/// <summary>A whole key-value store in memory, with every past revision, and a script of faults.</summary>
/// <remarks>Safe to call concurrently. Leases end by <c>time</c>.</remarks>
public sealed class InMemoryStore(TimeProvider? time = null) : IKeyValueStore
{
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, List<(long Revision, KeyValue? State)>> _keys = new(ByteOrder.Instance);
    private readonly List<WatchBatch> _history = [];
    private readonly Dictionary<long, LeaseState> _leases = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _revision = 1;
    private long _compacted;
    private long _nextLease = 1;

    /// <summary>What goes wrong.</summary>
    public StoreFaultScript Faults { get; } = new();

    /// <summary>The last revision.</summary>
    public long Revision
    {
        get
        {
            lock (_gate)
            {
                return _revision;
            }
        }
    }

    /// <summary>Every key that exists now, in key order, without faults: for a test to look at.</summary>
    public ImmutableArray<KeyValue> Snapshot(string prefix = "")
    {
        lock (_gate)
        {
            return ListLocked(prefix, _revision);
        }
    }

    /// <summary>Writes a key without faults: for a test to prepare with.</summary>
    public void Set(string key, string value)
    {
        lock (_gate)
        {
            DoLocked([new StoreOperation.Put(key, Encoding.UTF8.GetBytes(value))]);
        }
    }

    /// <summary>Deletes a key without faults: for a test to prepare with.</summary>
    public void Remove(string key)
    {
        lock (_gate)
        {
            DoLocked([new StoreOperation.Delete(key)]);
        }
    }

    /// <summary>Forgets what was before <paramref name="revision"/>; that one can still be read.</summary>
    public void Compact(long revision)
    {
        lock (_gate)
        {
            _compacted = Math.Max(_compacted, Math.Min(revision, _revision));
            _history.RemoveAll(b => b.Revision < _compacted);
            Pulse();
        }
    }

    public async Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct)
    {
        var fault = await EnterAsync(StoreCallKind.Get, null, ct);
        KeyValue? found;
        lock (_gate)
        {
            found = At(key, Readable(revision));
        }

        await LeaveAsync(fault, ct);
        return found;
    }

    public async Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct)
    {
        var fault = await EnterAsync(StoreCallKind.List, null, ct);
        KeyRange range;
        lock (_gate)
        {
            var at = Readable(revision);
            range = new(ListLocked(prefix, at), at);
        }

        await LeaveAsync(fault, ct);
        return range;
    }

    public async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        RefuseTwice(transaction.Success);
        RefuseTwice(transaction.Failure);
        var fault = await EnterAsync(StoreCallKind.Commit, transaction, ct);
        StoreOutcome outcome;
        lock (_gate)
        {
            var holds = transaction.Compares.All(HoldsLocked);
            var results = DoLocked(holds ? transaction.Success : transaction.Failure);
            outcome = new(holds, _revision, results);
        }

        await LeaveAsync(fault, ct);
        return outcome;
    }

    public async IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        _ = await EnterAsync(StoreCallKind.Watch, null, ct);
        var next = fromRevision;
        while (true)
        {
            List<WatchBatch> ready;
            Task changed;
            lock (_gate)
            {
                if (next < _compacted)
                {
                    throw new CompactedException(_compacted);
                }

                ready = [.. _history.Where(b => b.Revision >= next)];
                next = Math.Max(next, _revision + 1);
                changed = _changed.Task;
            }

            foreach (var batch in ready)
            {
                var events = batch.Events.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal)).ToImmutableArray();
                if (events.Length > 0)
                {
                    yield return new WatchBatch(batch.Revision, events);
                }
            }

            await changed.WaitAsync(ct);
        }
    }

    public async Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct)
    {
        await LeaveAsync(await EnterAsync(StoreCallKind.Lease, null, ct), ct);
        lock (_gate)
        {
            var id = _nextLease++;
            var timer = _time.CreateTimer(_ => EndLease(id), null, timeToLive, Timeout.InfiniteTimeSpan);
            _leases[id] = new(timeToLive, timer);
            return id;
        }
    }

    public async Task<bool> KeepAliveAsync(long lease, CancellationToken ct)
    {
        await LeaveAsync(await EnterAsync(StoreCallKind.Lease, null, ct), ct);
        lock (_gate)
        {
            return _leases.TryGetValue(lease, out var state) && state.Timer.Change(state.TimeToLive, Timeout.InfiniteTimeSpan);
        }
    }

    public async Task RevokeLeaseAsync(long lease, CancellationToken ct)
    {
        await LeaveAsync(await EnterAsync(StoreCallKind.Lease, null, ct), ct);
        EndLease(lease);
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            foreach (var lease in _leases.Values)
            {
                lease.Timer.Dispose();
            }

            _leases.Clear();
        }

        return ValueTask.CompletedTask;
    }

    private static void RefuseTwice(ImmutableArray<StoreOperation> operations)
    {
        var changed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var operation in operations)
        {
            var key = operation switch
            {
                StoreOperation.Put put => put.Key,
                StoreOperation.Delete delete => delete.Key,
                _ => null,
            };
            if (key is not null && !changed.Add(key))
            {
                throw new CalicoException(Problem.Invalid, $"the transaction changes {key} twice");
            }
        }
    }

    private async Task<StoreFault> EnterAsync(StoreCallKind kind, StoreTransaction? transaction, CancellationToken ct)
    {
        // Always asynchronous: callers that only work with a store that answers at once would pass otherwise.
        await Task.Yield();
        ct.ThrowIfCancellationRequested();
        if (Faults.Delay > TimeSpan.Zero)
        {
            await Task.Delay(Faults.Delay, _time, ct);
        }

        var fault = Faults.Next(kind, transaction);
        if (fault == StoreFault.Fail)
        {
            throw new CalicoException(Problem.Unavailable, "the store does not answer (scripted)");
        }

        if (fault == StoreFault.Hang)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, ct);
        }

        return fault;
    }

    private static async Task LeaveAsync(StoreFault fault, CancellationToken ct)
    {
        if (fault == StoreFault.AnswerLost)
        {
            throw new CalicoException(Problem.Unavailable, "the store's answer was lost (scripted)");
        }

        if (fault == StoreFault.DoneThenHang)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, ct);
        }
    }

    private long Readable(long revision)
    {
        if (revision == 0)
        {
            return _revision;
        }

        if (revision < _compacted)
        {
            throw new CalicoException(Problem.Unavailable, "the revision is gone", inner: new CompactedException(_compacted));
        }

        return revision <= _revision
            ? revision
            : throw new CalicoException(Problem.Invalid, $"revision {revision} is in the future");
    }

    private KeyValue? At(string key, long revision) =>
        _keys.TryGetValue(key, out var versions) ? versions.FindLast(v => v.Revision <= revision).State : null;

    private ImmutableArray<KeyValue> ListLocked(string prefix, long revision) =>
        [.. _keys.Keys.Where(k => k.StartsWith(prefix, StringComparison.Ordinal)).Select(k => At(k, revision)).OfType<KeyValue>()];

    private bool HoldsLocked(StoreCompare compare)
    {
        var current = At(compare.Key, _revision);
        int order;
        if (compare.Target == CompareTarget.Value)
        {
            if (current is null)
            {
                return false;
            }

            order = current.Value.Span.SequenceCompareTo(compare.Value.Span);
        }
        else
        {
            var number = compare.Target switch
            {
                CompareTarget.Version => current?.Version ?? 0,
                CompareTarget.CreateRevision => current?.CreateRevision ?? 0,
                CompareTarget.ModRevision => current?.ModRevision ?? 0,
                _ => current?.Lease ?? 0,
            };
            order = number.CompareTo(compare.Number);
        }

        return compare.Result switch
        {
            CompareResult.Equal => order == 0,
            CompareResult.NotEqual => order != 0,
            CompareResult.Greater => order > 0,
            _ => order < 0,
        };
    }

    private ImmutableArray<ImmutableArray<KeyValue>> DoLocked(ImmutableArray<StoreOperation> operations)
    {
        var results = ImmutableArray.CreateBuilder<ImmutableArray<KeyValue>>(operations.Length);
        var events = ImmutableArray.CreateBuilder<WatchEvent>();
        var revision = _revision + 1;
        foreach (var operation in operations)
        {
            switch (operation)
            {
                case StoreOperation.Put put:
                    if (put.Lease != 0 && !_leases.ContainsKey(put.Lease))
                    {
                        throw new CalicoException(Problem.Invalid, $"lease {put.Lease} does not exist");
                    }

                    WriteLocked(put.Key, put.Value, put.Lease, revision, events);
                    results.Add([]);
                    break;
                case StoreOperation.Delete delete:
                    results.Add(DeleteLocked(delete.Key, revision, events));
                    break;
                case StoreOperation.DeletePrefix deletePrefix:
                    var doomed = ListLocked(deletePrefix.Prefix, revision);
                    results.Add([.. doomed.SelectMany(k => DeleteLocked(k.Key, revision, events))]);
                    break;
                case StoreOperation.Get get:
                    results.Add(At(get.Key, revision) is { } found ? [found] : []);
                    break;
            }
        }

        if (events.Count > 0)
        {
            _revision = revision;
            _history.Add(new(revision, events.ToImmutable()));
            Pulse();
        }

        return results.ToImmutable();
    }

    private void WriteLocked(string key, ReadOnlyMemory<byte> value, long lease, long revision, ImmutableArray<WatchEvent>.Builder events)
    {
        var before = At(key, revision);
        var now = new KeyValue(key, value.ToArray(), before?.CreateRevision ?? revision, revision, (before?.Version ?? 0) + 1, lease);
        Versions(key).Add((revision, now));
        events.Add(new(key, now, before));
    }

    private ImmutableArray<KeyValue> DeleteLocked(string key, long revision, ImmutableArray<WatchEvent>.Builder events)
    {
        if (At(key, revision) is not { } before)
        {
            return [];
        }

        Versions(key).Add((revision, null));
        events.Add(new(key, null, before));
        return [before];
    }

    private List<(long Revision, KeyValue? State)> Versions(string key)
    {
        if (!_keys.TryGetValue(key, out var versions))
        {
            _keys[key] = versions = [];
        }

        return versions;
    }

    private void EndLease(long id)
    {
        lock (_gate)
        {
            if (!_leases.Remove(id, out var lease))
            {
                return;
            }

            lease.Timer.Dispose();
            DoLocked([.. ListLocked("", _revision).Where(k => k.Lease == id).Select(k => new StoreOperation.Delete(k.Key))]);
        }
    }

    private void Pulse()
    {
        var changed = _changed;
        _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.SetResult();
    }

    private sealed record LeaseState(TimeSpan TimeToLive, ITimer Timer);

    /// <summary>Keys in the order of their UTF-8 bytes, as etcd has them.</summary>
    private sealed class ByteOrder : IComparer<string>
    {
        public static ByteOrder Instance { get; } = new();

        public int Compare(string? x, string? y) =>
            Encoding.UTF8.GetBytes(x ?? "").AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y ?? ""));
    }
}
