using Calico.Datastore.Store;

namespace Calico.EmbeddedStore.Engine;

/// <summary>What one durable commit will write: transactions are applied one after the other to a state that nobody sees yet.</summary>
/// <remarks>Pure: no file, no clock. A transaction that throws leaves nothing behind (<see cref="Apply{T}"/>).</remarks>
internal sealed class WriteBatch(EngineState start, ValuePacker packer)
{
    public EngineState Start { get; } = start;

    public EngineState State { get; private set; } = start;

    /// <summary>New versions in the order they were made.</summary>
    public List<KeyVersion> Changes { get; } = [];

    /// <summary>Leases granted (with their seconds) and ended (null).</summary>
    public List<KeyValuePair<long, long?>> Leases { get; } = [];

    /// <summary>Node log entries written, and deleted (no entry).</summary>
    public List<KeyValuePair<byte[], LogEntry?>> Log { get; } = [];

    public bool IsEmpty => Changes.Count == 0 && Leases.Count == 0 && Log.Count == 0;

    /// <summary>Does the action wholly, or throws what it threw and takes back everything it had done.</summary>
    public T Apply<T>(Func<WriteBatch, T> action)
    {
        var (state, changes, leases, log) = (State, Changes.Count, Leases.Count, Log.Count);
        try
        {
            return action(this);
        }
        catch
        {
            State = state;
            Changes.RemoveRange(changes, Changes.Count - changes);
            Leases.RemoveRange(leases, Leases.Count - leases);
            Log.RemoveRange(log, Log.Count - log);
            throw;
        }
    }

    /// <summary>Does a transaction that <see cref="TransactionRules"/> has accepted.</summary>
    public EngineOutcome Commit(EngineTransaction transaction)
    {
        var succeeded = transaction.Compares.All(c => TransactionRules.Holds(c, State));
        var before = State.Revision;
        var results = new List<OperationResult>();
        foreach (var operation in succeeded ? transaction.Success : transaction.Failure)
        {
            results.Add(operation switch
            {
                EngineOperation.Put put => Put(put, before + 1),
                EngineOperation.Delete delete => Delete(State.Range(delete.Keys, State.Revision), before + 1),
                EngineOperation.Range range => range.Query.Run(State),
                _ => throw new InvalidOperationException($"no such operation: {operation.GetType()}"),
            });
        }

        return new EngineOutcome(succeeded, State.Revision, results);
    }

    public void GrantLease(long id, long seconds)
    {
        if (State.Leases.ContainsKey(id))
        {
            throw new CalicoException(Problem.AlreadyExists, $"grant lease {id:x}: there is one with this id");
        }

        State = State with { Leases = State.Leases.Add(id, seconds) };
        Leases.Add(new(id, seconds));
    }

    /// <summary>Ends leases and deletes their keys, all at one revision.</summary>
    /// <returns>How many there were.</returns>
    public int EndLeases(IReadOnlyCollection<long> ids)
    {
        var known = ids.Where(State.Leases.ContainsKey).ToHashSet();
        if (known.Count == 0)
        {
            return 0;
        }

        // A walk over all keys: leases end rarely, and no index has to be kept right on every put.
        Delete(State.Range(KeyInterval.All, State.Revision).Where(v => known.Contains(v.Lease)), State.Revision + 1);
        State = State with { Leases = State.Leases.RemoveRange(known) };
        Leases.AddRange(known.Select(id => new KeyValuePair<long, long?>(id, null)));
        return known.Count;
    }

    public void WriteLog(byte[] key, LogEntry? entry)
    {
        State = State with { Log = entry is null ? State.Log.Remove(key) : State.Log.Set(key, entry) };
        Log.Add(new(key, entry));
    }

    private OperationResult Put(EngineOperation.Put put, long revision)
    {
        var head = State.Keys.Find(put.Key);
        var old = head is { IsDeletion: false } ? head : null;
        if (old is null && (put.KeepValue || put.KeepLease))
        {
            throw new CalicoException(Problem.NotFound, $"put {KeyText.Show(put.Key)}: there is no value or lease to keep");
        }

        var lease = put.KeepLease ? old!.Lease : put.Lease;
        if (lease != 0 && !State.Leases.ContainsKey(lease))
        {
            throw new CalicoException(Problem.NotFound, $"put {KeyText.Show(put.Key)}: there is no lease {lease:x}");
        }

        Add(new KeyVersion
        {
            Sequence = State.LastSequence + 1,
            Key = head?.Key ?? put.Key,
            Packed = put.KeepValue ? old!.Packed : packer.Keep(put.Key, put.Value),
            CreateRevision = old?.CreateRevision ?? revision,
            ModRevision = revision,
            Version = (old?.Version ?? 0) + 1,
            Lease = lease,
            Previous = head,
        });
        return old is null ? OperationResult.Nothing : new OperationResult([old], 1, false);
    }

    private OperationResult Delete(IEnumerable<KeyVersion> versions, long revision)
    {
        var deleted = versions.ToList();
        foreach (var old in deleted)
        {
            Add(new KeyVersion
            {
                Sequence = State.LastSequence + 1,
                Key = old.Key,
                Packed = PackedValue.Whole([]),
                CreateRevision = 0,
                ModRevision = revision,
                Version = 0,
                Lease = 0,
                Previous = old,
            });
        }

        return new OperationResult(deleted, deleted.Count, false);
    }

    private void Add(KeyVersion version)
    {
        State = State with
        {
            Keys = State.Keys.Set(version.Key, version),
            Revision = version.ModRevision,
            LastSequence = version.Sequence,
        };
        Changes.Add(version);
    }
}
