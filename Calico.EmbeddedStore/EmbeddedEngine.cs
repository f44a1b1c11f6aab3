using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;
using Calico.EmbeddedStore.Storage;
using Microsoft.Extensions.Logging;

namespace Calico.EmbeddedStore;

/// <summary>A store and a node log in one file on this node's disk: one writer, one fsync for whatever is written together, reads and
/// watches from memory.</summary>
/// <remarks>Safe to call concurrently. Spec, invariants and failure modes: docs/design/store.md.</remarks>
public sealed class EmbeddedEngine : IAsyncDisposable
{
    internal const long MaxLeaseSeconds = 9_000_000_000;

    // What one message to a client of the API may carry, about.
    private const int WatchChunk = 1000;
    private const long WatchChunkBytes = 4 << 20;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);

    private readonly StoreFile _file;
    private readonly EngineWriter _writer;
    private readonly TimeProvider _time;
    private readonly ITimer _heartbeat;
    private int _disposed;

    private EmbeddedEngine(StoreFile file, EmbeddedStoreOptions options, TimeProvider time, ILogger logger)
    {
        _file = file;
        _time = time;
        var (state, changes) = file.Load();
        var history = new ChangeHistory();
        history.Append(changes);
        _writer = new EngineWriter(file, state, history, options, time, logger);
        Clock = new LeaseClock(time, OnLeaseExpired);
        foreach (var (id, seconds) in state.Leases)
        {
            Clock.Start(id, seconds);
        }

        // So that a watch of a quiet store can say that it is current.
        _heartbeat = time.CreateTimer(_ => history.Pulse(), null, Heartbeat, Heartbeat);
        Store = new EmbeddedKeyValueStore(this);
        Log = new EmbeddedNodeLog(this);
    }

    /// <summary>The datastore in this file. Disposing it does nothing; dispose the engine.</summary>
    public IKeyValueStore Store { get; }

    internal TimeProvider Time => _time;

    /// <summary>The node log in this file. A transaction of <see cref="Store"/> together with log writes is one commit.</summary>
    public INodeLog Log { get; }

    /// <summary>Random number made with the file.</summary>
    public ulong StoreId => _file.StoreId;

    internal EngineState State => _writer.State;

    internal ChangeHistory History => _writer.History;

    internal LeaseClock Clock { get; }

    internal string Path => _file.Path;

    /// <summary>Opens the file, or makes it, and reads all of it.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Refused"/>: it belongs to another machine or node, was written by a newer
    /// version, or may not be opened. <see cref="Problem.Damaged"/>: it cannot be read; it is left as it is.
    /// <see cref="Problem.Exhausted"/>: the disk is full. <see cref="Problem.AlreadyExists"/>: another process has it open.
    /// The message says what to do.</exception>
    public static Task<EmbeddedEngine> OpenAsync(EmbeddedStoreOptions options, TimeProvider time, ILogger logger, CancellationToken ct) =>
        Task.Run(() =>
        {
            var file = StoreFile.Open(options);
            try
            {
                return new EmbeddedEngine(file, options, time, logger);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }, ct);

    /// <summary>Forgets what was replaced or deleted at or before a revision. Otherwise the engine does it by its own bounds.</summary>
    public Task CompactAsync(long revision, CancellationToken ct) => _writer.CompactAsync(revision, ct);

    /// <summary>Finishes what was accepted, copies the WAL back and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        Clock.Dispose();
        History.Pulse();
        await _heartbeat.DisposeAsync();
        await _writer.DisposeAsync();
        _file.Dispose();
    }

    internal void ThrowIfClosed()
    {
        if (Volatile.Read(ref _disposed) != 0)
        {
            throw new CalicoException(Problem.Unavailable, $"watch {Path}: the store is closed");
        }
    }

    internal Task<T> WriteAsync<T>(Func<WriteBatch, T> action, CancellationToken ct) => _writer.WriteAsync(action, ct);

    internal async Task<EngineOutcome> CommitAsync(EngineTransaction transaction, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        TransactionRules.Check(transaction);
        return transaction.Success.Concat(transaction.Failure).All(o => o is EngineOperation.Range)
            ? Read(transaction)
            : await _writer.WriteAsync(batch => batch.Commit(transaction), ct);
    }

    internal OperationResult Read(RangeQuery query, out long revision)
    {
        var state = State;
        var result = query.Run(state);
        RangeQuery.RefuseCompacted(query.Revision <= 0 ? state.Revision : query.Revision, query.Revision <= 0 ? 0 : State.Compacted);
        revision = state.Revision;
        return result;
    }

    internal async Task<(long Id, long Revision)> GrantLeaseAsync(long id, long seconds, CancellationToken ct)
    {
        if (seconds is < 1 or > MaxLeaseSeconds)
        {
            throw new CalicoException(Problem.Invalid, $"grant a lease of {seconds} s: 1 to {MaxLeaseSeconds} are possible", "ttl");
        }

        if (id == 0)
        {
            id = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8)) & long.MaxValue;
        }

        var revision = await _writer.WriteAsync(batch =>
        {
            batch.GrantLease(id, seconds);
            return batch.State.Revision;
        }, ct);
        Clock.Start(id, seconds);
        return (id, revision);
    }

    /// <summary>False: there is no such lease.</summary>
    internal async Task<bool> RevokeLeaseAsync(long id, CancellationToken ct)
    {
        var ended = await _writer.WriteAsync(batch => batch.EndLeases([id]), ct);
        Clock.End(id);
        return ended > 0;
    }

    /// <summary>Changes of the keys from a revision on, and how far they are complete; without changes it only says the latter.</summary>
    internal async IAsyncEnumerable<(long Revision, List<KeyVersion> Changes)> WatchAsync(KeyInterval keys, long fromRevision,
        [EnumeratorCancellation] CancellationToken ct)
    {
        var position = fromRevision <= 0 ? State.Revision + 1 : fromRevision;
        var reported = _time.GetTimestamp();
        var first = true;
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            ThrowIfClosed();
            var next = History.Next;
            if (ReadChanges(ref position, keys) is { } changes)
            {
                var isDue = first || _time.GetElapsedTime(reported) >= Heartbeat;
                if (changes.Count > 0 || isDue)
                {
                    first = false;
                    reported = _time.GetTimestamp();
                    yield return (position - 1, changes);
                }

                if (position <= State.Revision)
                {
                    continue;
                }
            }

            await next.WaitAsync(ct);
        }
    }

    /// <summary>Matching changes from a position on, which is moved behind them; null: it is in the future still.</summary>
    /// <exception cref="CompactedException">The position is gone.</exception>
    internal List<KeyVersion>? ReadChanges(ref long position, KeyInterval keys)
    {
        var upTo = State.Revision;
        var changes = History.Read(position, upTo, WatchChunk, WatchChunkBytes, out var reached);
        var compacted = State.Compacted;
        if (position < compacted)
        {
            throw new CompactedException(compacted);
        }

        if (position > upTo + 1)
        {
            return null;
        }

        position = reached + 1;
        changes.RemoveAll(c => !keys.Contains(c.Key));
        return changes;
    }

    private EngineOutcome Read(EngineTransaction transaction)
    {
        var state = State;
        var succeeded = transaction.Compares.All(c => TransactionRules.Holds(c, state));
        var results = (succeeded ? transaction.Success : transaction.Failure).Cast<EngineOperation.Range>()
            .Select(r => (r.Query, Result: r.Query.Run(state))).ToList();
        foreach (var (query, _) in results)
        {
            RangeQuery.RefuseCompacted(query.Revision <= 0 ? long.MaxValue : query.Revision, State.Compacted);
        }

        return new EngineOutcome(succeeded, state.Revision, [.. results.Select(r => r.Result)]);
    }

    private void OnLeaseExpired()
    {
        // Only what the file no longer has is forgotten: when the commit below fails, the next tick tries again.
        Clock.Forget(id => !State.Leases.ContainsKey(id));

        // Asked in the writer, so that a lease that was kept alive meanwhile stays.
        _writer.TryPost(batch => batch.EndLeases(Clock.Expired()));
    }
}
