using System.Collections.Immutable;
using Calico.Datastore.Sync;

namespace Calico.Host.Node;

/// <summary>What a former process was told last and what it promised since: in force where the store does not tell more.</summary>
/// <remarks>A store that answers tells all of it again, and newer, in the time that reading it here takes; meanwhile the kernel enforces
/// what the former process left. So it is read only where the store does not answer, fails before it has told everything, or falls
/// silent.</remarks>
/// <param name="snapshot">Null: the store is on this disk itself.</param>
/// <param name="ask">Asks the store anything.</param>
/// <param name="feed">The way to view and dataplane.</param>
/// <param name="promised">Profiles whose writes the store has not taken yet.</param>
/// <param name="enforce">Tells the dataplane alone.</param>
/// <param name="time">Clock of the waits.</param>
internal sealed class LastKnown(PolicySnapshot? snapshot, Func<CancellationToken, Task> ask, StoreFeed feed,
    Func<ImmutableArray<SyncUpdate>> promised, Action<SyncBatch> enforce, TimeProvider time)
{
    // The first call of a process that starts beside others takes a quarter of a second. A store that refuses says so at once; one behind
    // a path that swallows packets costs this much, in which the kernel enforces what the former process left.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LongestList = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);

    private bool _isExpected;

    /// <summary>Once, before sync begins.</summary>
    public async Task EnforceAsync(CancellationToken ct)
    {
        if (snapshot is not null && await AnswersAsync(ct))
        {
            _isExpected = true;
            feed.Expect();
        }
        else
        {
            Remember();
        }

        Promise();
    }

    /// <summary>Beside sync, until cancelled.</summary>
    /// <param name="sync">How it stands.</param>
    /// <param name="ct">Ends it.</param>
    public async Task WatchAsync(Func<SyncHealth> sync, CancellationToken ct)
    {
        if (_isExpected && await FailsAsync(sync, ct))
        {
            Remember();
            Promise();
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, time, ct);
    }

    private void Remember()
    {
        foreach (var portion in snapshot?.Read() ?? [])
        {
            feed.Remember(portion);
        }
    }

    /// <summary>What was promised goes over what was known.</summary>
    private void Promise()
    {
        if (promised() is { IsEmpty: false } pending)
        {
            enforce(new(SyncStatus.Resync, 0, pending));
        }
    }

    private async Task<bool> AnswersAsync(CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            await ask(either.Token);
            return true;
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is CalicoException or OperationCanceledException)
        {
            // Why, sync will find and say.
            return false;
        }
    }

    /// <summary>Waits until sync has told everything, or has shown that it will not.</summary>
    private async Task<bool> FailsAsync(Func<SyncHealth> sync, CancellationToken ct)
    {
        var (begun, heard, revision) = (time.GetTimestamp(), time.GetTimestamp(), 0L);
        while (true)
        {
            var health = sync();
            if (health.Status == SyncStatus.InSync)
            {
                return false;
            }

            if (health.ConfirmedTimestamp != revision)
            {
                (heard, revision) = (time.GetTimestamp(), health.ConfirmedTimestamp);
            }

            if (health.Failures > 0 || time.GetElapsedTime(heard) > Silence || time.GetElapsedTime(begun) > LongestList)
            {
                return true;
            }

            await Task.Delay(LookInterval, time, ct);
        }
    }
}
