using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Calico.Datastore.Store;

/// <summary>What this node knows before the store does: writes that are answered from the node log and reach the store when it answers.
/// </summary>
/// <remarks>
/// Facts that decide:
/// a key has one entry, the last: what is decided later takes the place of what waits, in memory and log at once;
/// entries are sent in the order in which they were decided, each owner's by its own sender, because only the owner knows what has to be
/// true in the store before (IPAM's fence) and what else changes meanwhile (<see cref="IOutboxOwner.HoldAsync"/>);
/// an entry that the store or its guard refuses stops no other.
/// What waits is in memory as the log has it: commits to the log are begun under the lock, and the log keeps their order.
/// Safe to call concurrently; of one key one call at a time, which its owner sees to.
/// </remarks>
public sealed partial class Outbox(INodeLog log, IKeyValueStore store, TimeProvider time, ILogger<Outbox> logger)
{
    /// <summary>Start of the log's keys; the store's key follows, which begins with a slash.</summary>
    public const string Section = "outbox";

    /// <summary>How long the store may keep a caller waiting before the log answers.</summary>
    public static readonly TimeSpan StorePatience = TimeSpan.FromMilliseconds(50);

    // Whoever loses as often has a rival that never stops.
    private const int MaxAttempts = 10;

    // Of etcd's 128 operations a transaction; values of endpoints are a kilobyte or two.
    private const int BatchSize = 40;

    private readonly Lock _gate = new();
    private ImmutableDictionary<string, OutboxEntry>? _waiting;
    private ImmutableSortedDictionary<string, string> _stuck = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);
    private long _last;

    /// <summary>How many entries wait.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return Waiting.Count;
            }
        }
    }

    /// <summary>Keys whose entries could not be written although the store answers, with the reason; they are tried again.</summary>
    public ImmutableSortedDictionary<string, string> Stuck
    {
        get
        {
            lock (_gate)
            {
                return _stuck;
            }
        }
    }

    /// <summary>What waits for a key, or null.</summary>
    public OutboxEntry? Pending(string key)
    {
        lock (_gate)
        {
            return Waiting.GetValueOrDefault(key);
        }
    }

    /// <summary>What waits of an owner's, in order.</summary>
    public ImmutableArray<OutboxEntry> PendingOf(IOutboxOwner owner)
    {
        lock (_gate)
        {
            return [.. Waiting.Values.Where(e => e.Owner == owner.Name).OrderBy(e => e.Number)];
        }
    }

    /// <summary>Writes to the store, or to the node log when the store does not answer within <see cref="StorePatience"/>.</summary>
    /// <param name="owner">Whose.</param>
    /// <param name="entry">What.</param>
    /// <param name="with">Log writes that belong to it: done with it in one commit, either way. Not when its guard refuses it.</param>
    /// <param name="ct">The caller's: what is cancelled is not journalled.</param>
    /// <exception cref="CalicoException">The store refuses it, or the log does.</exception>
    public async Task<OutboxResult> WriteAsync(IOutboxOwner owner, OutboxEntry entry, ImmutableArray<NodeLogWrite> with,
        CancellationToken ct)
    {
        var isJournalled = Pending(entry.Key) is not null;
        if (isJournalled)
        {
            // First: a crash after the write must not bring what waits there, a deletion even, over it.
            await JournalAsync([entry], with, ct);
        }

        var result = await TryAsync(owner, entry, isJournalled ? [] : with, ct);
        if (result.Outcome != OutboxOutcome.Unanswered)
        {
            await ForgetAsync(entry.Key, ct);
            return result;
        }

        if (!isJournalled)
        {
            await JournalAsync([entry], with, ct);
        }

        return result with { Outcome = OutboxOutcome.Journalled };
    }

    /// <summary>As <see cref="WriteAsync"/>, but never journalled: what the store did not answer is the caller's to decide.</summary>
    public async Task<OutboxResult> TryAsync(IOutboxOwner owner, OutboxEntry entry, ImmutableArray<NodeLogWrite> with, CancellationToken ct)
    {
        using var timeUp = new CancellationTokenSource(StorePatience, time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        try
        {
            return await CommitAsync(owner, entry, with, patience.Token);
        }
        catch (Exception e) when (!ct.IsCancellationRequested
            && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            return new(OutboxOutcome.Unanswered, Reason: e.Message);
        }
    }

    /// <summary>Journals entries (of each key the last) together with log writes of the caller's: one commit, on disk when it ends. It is
    /// begun, and what waits is seen, before this returns: a caller that calls it under its lock has it in the order of its own state.
    /// </summary>
    public Task JournalAsync(ImmutableArray<OutboxEntry> entries, ImmutableArray<NodeLogWrite> with, CancellationToken ct)
    {
        lock (_gate)
        {
            _ = Waiting;
            return ChangeAsync([.. entries.GroupBy(e => e.Key).Select(g => (g.Key, (OutboxEntry?)(g.Last() with { Number = ++_last })))],
                with, ct);
        }
    }

    /// <summary>Takes an entry away that is done or wanted no more. None: nothing happens.</summary>
    public Task ForgetAsync(string key, CancellationToken ct)
    {
        lock (_gate)
        {
            return Waiting.ContainsKey(key) ? ChangeAsync([(key, null)], [], ct) : Task.CompletedTask;
        }
    }

    /// <summary>For a transaction of the caller's own that writes keys: log writes to commit with it, so that what waits for those keys is
    /// not sent over it. When it is done: <see cref="Replaced"/>.</summary>
    public ImmutableArray<NodeLogWrite> Replacing(IEnumerable<StoreOperation> operations)
    {
        lock (_gate)
        {
            return Waiting.IsEmpty ? []
                : [.. operations.Select(KeyOf).Where(k => k is not null && Waiting.ContainsKey(k)).Select(k => ToLog(k!, null))];
        }
    }

    /// <summary>A transaction with log writes of <see cref="Replacing"/> is done: they are taken out of memory too.</summary>
    public void Replaced(IEnumerable<NodeLogWrite> done)
    {
        lock (_gate)
        {
            var keys = done.Where(w => w.Value is null && w.Key.StartsWith(Section + "/", StringComparison.Ordinal))
                .Select(w => w.Key[Section.Length..]).ToArray();
            (_waiting, _stuck) = (Waiting.RemoveRange(keys), _stuck.RemoveRange(keys));
        }
    }

    private ImmutableDictionary<string, OutboxEntry> Waiting => _waiting ??= Read();

    /// <summary>Under the lock.</summary>
    private async Task ChangeAsync(ImmutableArray<(string Key, OutboxEntry? Next)> changes, ImmutableArray<NodeLogWrite> with,
        CancellationToken ct)
    {
        var before = Waiting;
        _waiting = changes.Aggregate(before, (all, c) => c.Next is null ? all.Remove(c.Key) : all.SetItem(c.Key, c.Next));
        _stuck = _stuck.RemoveRange(changes.Select(c => c.Key));
        try
        {
            await log.CommitAsync([.. with, .. changes.Select(c => ToLog(c.Key, c.Next))], ct);
        }
        catch
        {
            lock (_gate)
            {
                // As the log is, except where somebody has written since.
                foreach (var (key, next) in changes.Where(c => ReferenceEquals(Waiting.GetValueOrDefault(c.Key), c.Next)))
                {
                    _waiting = before.TryGetValue(key, out var former) ? Waiting.SetItem(key, former) : Waiting.Remove(key);
                }
            }

            throw;
        }
    }

    private ImmutableDictionary<string, OutboxEntry> Read()
    {
        var entries = ImmutableDictionary.CreateBuilder<string, OutboxEntry>(StringComparer.Ordinal);
        foreach (var (key, value) in log.List(Section + "/"))
        {
            try
            {
                var entry = JsonSerializer.Deserialize(value.Span, OutboxJson.Default.OutboxEntry);
                if (entry?.Key != key[Section.Length..] || entry.Remarks.IsDefault)
                {
                    throw new JsonException("it is no entry of its key");
                }

                entries.Add(entry.Key, entry);
                _last = Math.Max(_last, entry.Number);
            }
            catch (JsonException e)
            {
                Log.Unreadable(logger, key, e.Message);
            }
        }

        return entries.ToImmutable();
    }

    private static string? KeyOf(StoreOperation operation) => operation switch
    {
        StoreOperation.Put put => put.Key,
        StoreOperation.Delete delete => delete.Key,
        _ => null,
    };

    private static NodeLogWrite ToLog(string key, OutboxEntry? entry) =>
        // The cast matters: a null array would become an empty value, which is not a deletion.
        new(Section + key, entry is null ? null
            : (ReadOnlyMemory<byte>?)JsonSerializer.SerializeToUtf8Bytes(entry, OutboxJson.Default.OutboxEntry));

    private static partial class Log
    {
        [LoggerMessage(2050, LogLevel.Error,
            "the node log's entry {Key} cannot be read; what it was to bring to the store is lost: {Reason}")]
        public static partial void Unreadable(ILogger logger, string key, string reason);

        [LoggerMessage(2051, LogLevel.Error, "{Key}: the store will never take what this node wanted written there; dropped: {Reason}")]
        public static partial void Refused(ILogger logger, string key, string reason);

        [LoggerMessage(2052, LogLevel.Warning, "{Key}: not written yet, tried again: {Reason}")]
        public static partial void Later(ILogger logger, string key, string reason);

        [LoggerMessage(2053, LogLevel.Information, "{Count} writes of {Owner} reached the store that it had missed")]
        public static partial void Sent(ILogger logger, int count, string owner);
    }
}
