using Calico.Datastore.Store;
using Calico.EmbeddedStore.Storage;
using Microsoft.Data.Sqlite;

namespace Calico.EmbeddedStore.Engine;

/// <summary>Compaction and checkpoints: in a pause when there is one, in the way of writes only when they can wait no longer.</summary>
internal sealed partial class EngineWriter
{
    // Trimmed to KeptChanges in a pause once this far above it, and at twice that far without one.
    private const int SlackDivisor = 8;

    // What stays for watches to catch up even when single changes are huge.
    private const int LeastKept = 100;

    private const string Trimming = "Trimming the history";
    private const string CopyingBack = "Copying back the log";

    private readonly List<(long Revision, TaskCompletionSource Done)> _compactionsAsked = [];

    // Said once, and once more when it works again.
    private readonly HashSet<string> _failing = [];

    /// <summary>Forgets what was replaced at or before a revision; done when it returns.</summary>
    public async Task CompactAsync(long revision, CancellationToken ct)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await WriteAsync(batch =>
        {
            if (revision <= batch.Start.Compacted)
            {
                throw new CalicoException(Problem.Invalid, $"compact at {revision}: compacted already", "revision",
                    new CompactedException(batch.Start.Compacted));
            }

            if (revision > batch.State.Revision)
            {
                throw new CalicoException(Problem.Invalid, $"compact at {revision}: the store is at {batch.State.Revision}", "revision");
            }

            // In the writer's task; its own transaction follows the batch.
            _compactionsAsked.Add((revision, done));
            return 0;
        }, ct);
        await done.Task.WaitAsync(ct);
    }

    private void Maintain()
    {
        CompactAsAsked();

        var paused = _pauseDue;
        _pauseDue = false;
        if (_broken is not null)
        {
            return;
        }

        if (paused && _time.GetElapsedTime(_lastCommit) < Pause)
        {
            paused = false;
            _pauseTimerArmed = false;
        }

        if (IsHistoryOver(paused ? 1 : 2))
        {
            var upTo = History.RevisionToKeep(_options.KeptChanges, _options.KeptBytes, LeastKept);
            if (upTo > _state.Compacted)
            {
                Attempt(Trimming, () => CompactTo(upTo));
            }
        }

        if (_file.UncheckpointedBytes > (paused ? 0 : ForcedCheckpointBytes))
        {
            Attempt(CopyingBack, _file.Checkpoint);
        }

        if (paused)
        {
            _pauseTimerArmed = false;
        }

        if (!_pauseTimerArmed && _file.UncheckpointedBytes > 0)
        {
            _pauseTimerArmed = true;
            _pauseTimer.Change(PauseCheck, Timeout.InfiniteTimeSpan);
        }
    }

    private bool IsHistoryOver(int slacks) =>
        History.Count > _options.KeptChanges + (slacks * _options.KeptChanges / SlackDivisor)
        || History.Bytes > _options.KeptBytes + (slacks * _options.KeptBytes / SlackDivisor);

    private void OnPauseTimer()
    {
        _pauseDue = true;

        // Full queue: the writer is awake anyway and sees the flag after its next group.
        TryPost(_ => 0);
    }

    private void CompactAsAsked()
    {
        foreach (var (revision, done) in _compactionsAsked)
        {
            if (_broken is not null)
            {
                done.TrySetException(_broken);
                continue;
            }

            try
            {
                // The batch it was asked in may have failed, or another have gone further.
                if (revision > _state.Compacted && revision <= _state.Revision)
                {
                    CompactTo(revision);
                }

                done.TrySetResult();
            }
            catch (SqliteException error)
            {
                done.TrySetException(Judge(error));
            }
        }

        _compactionsAsked.Clear();
    }

    private void CompactTo(long revision)
    {
        var replaced = new List<long>();
        var deletions = new List<KeyVersion>();
        // From the last compaction's own revision on: its changes were kept for watches that begin there.
        var compacted = History.Read(_state.Compacted, revision, int.MaxValue, long.MaxValue, out _);
        foreach (var change in compacted)
        {
            // A deletion's own row is counted when the deletion itself is compacted.
            if (change.Previous is { IsDeletion: false } previous)
            {
                replaced.Add(previous.Sequence);
            }

            // One at the revision itself stays until the next compaction, as in etcd: a watch from there has to hear of it.
            if (change.IsDeletion && change.ModRevision < revision)
            {
                replaced.Add(change.Sequence);
                deletions.Add(change);
            }
        }

        _file.Compact(replaced, revision);
        var keys = _state.Keys;
        foreach (var deletion in deletions)
        {
            if (ReferenceEquals(keys.Find(deletion.Key), deletion))
            {
                keys = keys.Remove(deletion.Key);
            }
        }

        // Readers of old revisions look at Compacted after they have read: it must be out before the first chain is cut.
        Volatile.Write(ref _state, _state with { Keys = keys, Compacted = revision });
        foreach (var change in compacted)
        {
            change.Cut();
        }

        History.Trim(revision - 1);
        History.Pulse();
        Log.Compacted(_logger, _file.Path, revision, replaced.Count);
    }

    private void Attempt(string upkeep, Action action)
    {
        // By the upkeep before it.
        if (_broken is not null)
        {
            return;
        }

        try
        {
            action();
            if (_failing.Remove(upkeep))
            {
                Log.UpkeepWorks(_logger, upkeep, _file.Path);
            }
        }
        catch (SqliteException error)
        {
            // Nothing acknowledged depends on it: the WAL has everything.
            Judge(error);
            if (_broken is null && _failing.Add(upkeep))
            {
                Log.UpkeepFailed(_logger, upkeep, _file.Path, error.Message);
            }
        }
    }
}
