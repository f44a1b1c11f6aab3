using System.Collections.Immutable;
using Calico.Plugins.Docker.Networks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>Brings what dockerd never tells a driver: whose an endpoint is, and its labels.</summary>
/// <remarks>
/// By its event stream, supervised: everything is listed each time the stream stands (not before), so nothing that happened without it is
/// missed. Two loops: one reads events and only notes the networks, the other lists and writes. What could not be listed or written is
/// tried again with growing pauses. No handler waits for it. Until an endpoint's labels have come it is closed where a selector in force
/// needs them.
/// </remarks>
internal sealed partial class DaemonFollower(NetworkBook book, IDockerDaemon daemon, LabelWriter writer, NetworkAdoption adoption,
    IPluginLifetime lifetime, TimeProvider time, ILogger<DaemonFollower> log) : BackgroundService
{
    private const string Check = "dockerd events";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly ChangedNetworks _changed = new(time);
    private readonly Lock _guard = new();
    private string? _whyNoStream;
    private string? _whyNoList;

    /// <summary>Writes names and labels of a network's endpoints, where they are others than before.</summary>
    /// <returns>How many were written.</returns>
    public async Task<int> FollowAsync(string networkId, CancellationToken ct) => (await FollowAsync([networkId], ct)).Written;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.Draining);
        try
        {
            await NoteStrangersAsync(ending.Token);
            // Without a network there is nothing to follow, and maybe no Docker.
            await book.UntilAnyAsync(ending.Token);
            await Task.WhenAll(WatchAsync(ending.Token), WriteAsync(ending.Token));
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Told to go.
        }
    }

    /// <summary>What a former process left endpoints of, and this one's book has not.</summary>
    private async Task NoteStrangersAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                await adoption.NoteStrangersAsync(ct);
                return;
            }
            catch (Exception e) when (IsPassing(e, ct))
            {
                Say(ref _whyNoList, e.Message);
                await Task.Delay(FirstPause, time, ct);
            }
        }
    }

    /// <summary>Also a cancellation that is not ours: somebody's time below was over.</summary>
    private static bool IsPassing(Exception e, CancellationToken ct) =>
        e is DaemonException or CalicoException || (e is OperationCanceledException && !ct.IsCancellationRequested);

    private async Task WatchAsync(CancellationToken ct)
    {
        for (var pause = FirstPause; ; pause = Longer(pause))
        {
            await book.UntilAnyAsync(ct);
            // Before the stream: it subscribes a moment after it stands.
            var since = time.GetUtcNow();
            try
            {
                await foreach (var id in daemon.WatchAsync(since, ct))
                {
                    pause = FirstPause;
                    Say(ref _whyNoStream, null);
                    _changed.Add(id);
                }

                Say(ref _whyNoStream, "dockerd ended its event stream");
            }
            catch (Exception e) when (IsPassing(e, ct))
            {
                Say(ref _whyNoStream, e.Message);
            }

            await Task.Delay(pause, time, ct);
        }
    }

    private async Task WriteAsync(CancellationToken ct)
    {
        var (again, pause, since) = (ImmutableHashSet<string>.Empty, FirstPause, time.GetTimestamp());
        while (true)
        {
            var left = pause - time.GetElapsedTime(since);
            var told = await _changed.TakeAsync(
                again.IsEmpty ? Timeout.InfiniteTimeSpan : left > TimeSpan.Zero ? left : TimeSpan.Zero, ct);
            var isDue = !again.IsEmpty && time.GetElapsedTime(since) >= pause;
            var failed = await TryFollowAsync(isDue ? told.Union(again) : told, ct);
            // What is new begins with a short pause.
            var isSlow = isDue && !failed.IsEmpty && failed.IsSubsetOf(again);
            again = isDue ? failed : again.Union(failed);
            if (isDue || !failed.IsEmpty)
            {
                (pause, since) = (isSlow ? Longer(pause) : FirstPause, time.GetTimestamp());
            }
        }
    }

    /// <returns>What is to be tried again.</returns>
    private async Task<ImmutableHashSet<string>> TryFollowAsync(ImmutableHashSet<string> ids, CancellationToken ct)
    {
        try
        {
            await adoption.NoteStrangersAsync(ct);
            var failed = (await FollowAsync(ids.Contains("") ? book.Followed : [.. ids.Where(book.IsFollowed)], ct)).Failed;
            Say(ref _whyNoList, null);
            return failed;
        }
        catch (Exception e) when (IsPassing(e, ct))
        {
            Say(ref _whyNoList, e.Message);
            return ids;
        }
    }

    private async Task<(int Written, ImmutableHashSet<string> Failed)> FollowAsync(ImmutableArray<string> ids, CancellationToken ct)
    {
        if (ids.IsEmpty)
        {
            return (0, []);
        }

        ImmutableArray<string> strangers = [.. ids.Where(id => book.Find(id) is null)];
        var found = await daemon.FindNetworksAsync(ids, ct);
        var failed = await adoption.AdoptAsync(strangers, found, ct);
        var (written, unwritten) = await writer.WriteAsync(found, ct);
        return (written, failed.Union(unwritten));
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;

    /// <param name="why">Which of the reasons.</param>
    /// <param name="now">Null: none any more.</param>
    private void Say(ref string? why, string? now)
    {
        lock (_guard)
        {
            why = now;
            var reason = _whyNoStream ?? _whyNoList;
            lifetime.Report(Check, reason is null, reason is null ? "" : $"{reason}; labels of containers come when it does");
        }

        if (now is not null)
        {
            Log.Away(log, now);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7230, LogLevel.Debug, "{Reason}; tried again")]
        public static partial void Away(ILogger log, string reason);
    }
}
