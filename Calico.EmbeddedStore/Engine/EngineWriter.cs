using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Calico.EmbeddedStore.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Calico.EmbeddedStore.Engine;

/// <summary>The one task that writes. Everything that waits when it is free goes to disk in one commit: a lone caller pays one fsync,
/// a hundred callers share it.</summary>
/// <remarks>A batch is computed on a private state, written, and only then published: nobody ever reads what is not on disk, and a
/// batch that could not be written is dropped without a trace.</remarks>
internal sealed partial class EngineWriter : IAsyncDisposable
{
    // Callers beyond it wait for room; a batch never grows larger.
    private const int MaxWaiting = 1024;
    private const int MaxGroup = 256;

    // Beyond this the WAL is copied back even while writes wait; until then only in a pause.
    private const long ForcedCheckpointBytes = 16 << 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PauseCheck = TimeSpan.FromMilliseconds(500);

    private readonly Channel<PendingWrite> _queue = Channel.CreateBounded<PendingWrite>(
        new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly List<PendingWrite> _group = [];
    private readonly StoreFile _file;
    private readonly EmbeddedStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _pauseTimer;
    private readonly Task _loop;
    private EngineState _state;
    private CalicoException? _broken;
    private long _lastCommit;
    private bool _pauseTimerArmed;
    private volatile bool _pauseDue;

    public EngineWriter(StoreFile file, EngineState state, ChangeHistory history, EmbeddedStoreOptions options, TimeProvider time,
        ILogger logger)
    {
        (_file, _state, History, _options, _time, _logger) = (file, state, history, options, time, logger);
        _pauseTimer = time.CreateTimer(_ => OnPauseTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _loop = Task.Run(RunAsync);
    }

    public ChangeHistory History { get; }

    /// <summary>What is on disk.</summary>
    public EngineState State => Volatile.Read(ref _state);

    /// <summary>Applies an action in the next batch; durable when it returns. Cancelled after it was taken, it may have been done.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<WriteBatch, T> action, CancellationToken ct)
    {
        var write = new PendingWrite<T>(action, ct);
        try
        {
            await _queue.Writer.WriteAsync(write, ct);
        }
        catch (ChannelClosedException error)
        {
            throw new CalicoException(Problem.Unavailable, $"write {_file.Path}: the store is closed", inner: error);
        }

        return await write.Task.WaitAsync(ct);
    }

    /// <summary>As <see cref="WriteAsync{T}"/>, for nobody to wait on; false when the queue is full.</summary>
    public bool TryPost(Func<WriteBatch, int> action) => _queue.Writer.TryWrite(new PendingWrite<int>(action, CancellationToken.None));

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
        await _pauseTimer.DisposeAsync();
    }

    private async Task RunAsync()
    {
        while (await _queue.Reader.WaitToReadAsync())
        {
            _group.Clear();
            while (_group.Count < MaxGroup && _queue.Reader.TryRead(out var write))
            {
                _group.Add(write);
            }

            try
            {
                CommitGroup();
                Maintain();
            }
            catch (Exception error)
            {
                // Top frame: a defect of ours. Callers get an answer, and what is on disk stays as it is.
                MarkBroken(new CalicoException(Problem.Unavailable, $"write {_file.Path}: {error.Message}", inner: error));
                FailAll(_group, _broken);
                CompactAsAsked();
            }
        }
    }

    [MemberNotNull(nameof(_broken))]
    private void MarkBroken(CalicoException problem)
    {
        _broken ??= problem;
        Log.Broken(_logger, _file.Path, problem.Message);
    }

    private void CommitGroup()
    {
        try
        {
            CommitTogether(_group);
        }
        catch (SqliteException error) when (SqliteProblem.IsHarmless(error) && _group.Count > 1)
        {
            // One of them may be what does not fit: each gets its own answer.
            foreach (var write in _group)
            {
                CommitAlone(write);
            }
        }
        catch (Exception error)
        {
            FailAll(_group, error);
        }
    }

    private void CommitAlone(PendingWrite write)
    {
        try
        {
            CommitTogether([write]);
        }
        catch (Exception error)
        {
            FailAll([write], error);
        }
    }

    private void CommitTogether(List<PendingWrite> writes)
    {
        var batch = new WriteBatch(_state, _file.Packer);
        TimeSpan? written = null;
        foreach (var write in writes)
        {
            write.Apply(batch);
        }

        if (!batch.IsEmpty)
        {
            if (_broken is not null)
            {
                throw _broken;
            }

            var began = _time.GetTimestamp();
            _file.Write(batch);
            History.Append(batch.Changes);
            Volatile.Write(ref _state, batch.State);
            History.Pulse();
            _lastCommit = _time.GetTimestamp();
            written = _time.GetElapsedTime(began, _lastCommit);
        }

        foreach (var write in writes)
        {
            write.Complete();
        }

        // After the answers: they do not wait for it.
        if (written is { } took)
        {
            _options.Written?.Invoke(took);
        }
    }

    private void FailAll(List<PendingWrite> writes, Exception error)
    {
        if (error is SqliteException sqlite)
        {
            error = Judge(sqlite);
        }

        foreach (var write in writes)
        {
            write.Fail(error);
        }
    }

    /// <summary>What callers are told; after what is not harmless nothing more is written.</summary>
    private CalicoException Judge(SqliteException error)
    {
        var problem = SqliteProblem.Writing(_file.Path, error);
        if (!SqliteProblem.IsHarmless(error))
        {
            MarkBroken(problem);
        }

        return problem;
    }

    private static partial class Log
    {
        [LoggerMessage(2100, LogLevel.Error, "The store {Path} is read-only until it is opened again: {Reason}")]
        public static partial void Broken(ILogger logger, string path, string reason);

        [LoggerMessage(2101, LogLevel.Warning, "{Upkeep} of {Path} failed; it will be tried again: {Reason}")]
        public static partial void UpkeepFailed(ILogger logger, string upkeep, string path, string reason);

        [LoggerMessage(2102, LogLevel.Information, "{Upkeep} of {Path} works again")]
        public static partial void UpkeepWorks(ILogger logger, string upkeep, string path);

        [LoggerMessage(2103, LogLevel.Debug, "Compacted {Path} to revision {Revision}: {Rows} rows")]
        public static partial void Compacted(ILogger logger, string path, long revision, int rows);
    }
}
