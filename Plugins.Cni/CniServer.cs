using System.Net.Sockets;
using Calico.Shim.Wire;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Calico.Plugins.Cni;

/// <summary>Serves the plugin binaries: accepts, bounds, drains.</summary>
/// <remarks>While this adapter is replaced the host keeps the listening socket, so shims that connect meanwhile wait in its backlog for
/// the next version instead of failing.</remarks>
internal sealed partial class CniServer(CniSettings settings, IListeners listeners, IPluginLifetime lifetime, CniDispatcher dispatcher,
    DelSpool spool, ICallTimings timings, TimeProvider time, ILogger<CniServer> log) : BackgroundService
{
    public const string ListenerName = "cni";

    /// <summary>A shim writes its request at once; whoever does not is holding a place.</summary>
    private static readonly TimeSpan RequestTime = TimeSpan.FromSeconds(5);

    /// <summary>What was spooled is done before new calls are taken, unless it takes longer than a shim waits for its host: an ADD does the
    /// waiting DEL of its own container in any case.</summary>
    private static readonly TimeSpan FirstDrainTime = TimeSpan.FromSeconds(5);

    private const string ServerCheck = "server";

    private readonly TaskCompletionSource _firstDrain = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>An undo has its own time.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    private readonly CallTurns _turns = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var draining = CancellationTokenSource.CreateLinkedTokenSource(lifetime.Draining, stoppingToken);
        using var cut = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var places = new SemaphoreSlim(settings.MaxCalls, settings.MaxCalls);
        var sweeping = SweepAsync(draining.Token);
        try
        {
            using var listening = listeners.Take(ListenerName);
            await Task.WhenAny(_firstDrain.Task, Task.Delay(FirstDrainTime, time, draining.Token));
            await AcceptAsync(listening, places, cut.Token, draining.Token);
        }
        catch (Exception e) when (!draining.IsCancellationRequested)
        {
            // The top frame: nobody else would notice that no call is taken any more.
            Log.Ended(log, e);
            lifetime.Report(ServerCheck, false, $"no plugin calls are taken any more: {e.Message}; start calico-host again");
        }
        catch (OperationCanceledException)
        {
            // Drained.
        }

        await FinishAsync(places, cut);
        await draining.CancelAsync();
        await sweeping;
    }

    private async Task AcceptAsync(Socket listening, SemaphoreSlim places, CancellationToken cut, CancellationToken ct)
    {
        while (true)
        {
            await places.WaitAsync(ct);
            Socket client;
            try
            {
                client = await listening.AcceptAsync(ct);
            }
            catch (Exception e)
            {
                places.Release();
                if (e is not SocketException)
                {
                    throw;
                }
                // Out of descriptors, or the peer left while it waited: the listener is still good.
                Log.AcceptFailed(log, e.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, ct);
                continue;
            }

            // Owned: it gives its place back when it ends, and all places are waited for at the end.
            _ = ServeAsync(client, places, cut);
        }
    }

    /// <summary>Lets what is being served end, then cuts it.</summary>
    private async Task FinishAsync(SemaphoreSlim places, CancellationTokenSource cut)
    {
        cut.CancelAfter(lifetime.DrainTime);
        for (var i = 0; i < settings.MaxCalls; i++)
        {
            await places.WaitAsync(CancellationToken.None);
        }
    }

    private async Task ServeAsync(Socket client, SemaphoreSlim places, CancellationToken ct)
    {
        using var connection = new ShimConnection(client);
        try
        {
            if (connection.PeerUserId is var user && user != 0)
            {
                Log.NotRoot(log, user);
                return;
            }

            using var patience = new CancellationTokenSource(RequestTime, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
            if (await connection.ReceiveRequestAsync(either.Token) is not var (request, networkNamespace))
            {
                return;
            }

            using (networkNamespace)
            {
                await ServeAsync(connection, request, networkNamespace, ct);
            }
        }
        catch (Exception e) when (e is SocketException or WireFormatException or OperationCanceledException)
        {
            Log.Dropped(log, e.Message);
        }
        catch (Exception e)
        {
            // The top frame of a connection: without it a bug would be lost with its task.
            Log.Broke(log, e);
        }
        finally
        {
            places.Release();
        }
    }

    /// <summary>Runs a call for as long as somebody waits for it.</summary>
    /// <remarks>A runtime that gave up on an ADD has sent its DEL, and the shim may have promised that one: what such an ADD still makes
    /// nobody would ever take away. So it is not begun when the caller has gone (a stopped host finds a backlog of those), ended when the
    /// caller goes, and undone when the answer was not read. A DEL without a caller is not run either: it waits in the spool, or is sent
    /// again, and the container's id may have a new life meanwhile.</remarks>
    private async Task ServeAsync(ShimConnection connection, ShimRequest request, SafeFileHandle? networkNamespace, CancellationToken ct)
    {
        var (verb, container) = (request["CNI_COMMAND"] ?? "", request["CNI_CONTAINERID"] ?? "");
        using var timed = Begin(request, verb, container);
        using var caller = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var answered = new CancellationTokenSource();
        var watching = CancelWithoutPeerAsync(connection, caller, answered.Token);
        try
        {
            using var turn = verb == "ADD"
                ? await _turns.EnterAsync($"{request.Role} {container} {request["CNI_IFNAME"]}", caller.Token) : null;
            if (connection.IsPeerGone())
            {
                Log.Abandoned(log, verb, container);
                return;
            }

            var outcome = await dispatcher.HandleAsync(request, networkNamespace, connection, timed, caller.Token);
            timed?.Enter("answer");
            if (outcome.Undo is not { } undo)
            {
                // Not under the cut: the call is over, its answer is a few hundred bytes, and the shim waits for it.
                await connection.ReplyAsync(outcome.Reply, CancellationToken.None);
                if (outcome.Reply.ExitCode == 0)
                {
                    timed?.Complete();
                }

                return;
            }

            if (await IsReadAsync(connection, outcome.Reply, watching))
            {
                timed?.Complete();
            }
            else
            {
                await UndoAsync(undo, container);
            }
        }
        catch (OperationCanceledException) when (caller.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            Log.Abandoned(log, verb, container);
        }
        finally
        {
            await answered.CancelAsync();
            await watching;
        }
    }

    /// <summary>ADD and DEL are timed: what a container's start and end wait for.</summary>
    private ITimedCall? Begin(ShimRequest request, string verb, string container)
    {
        if (verb is not ("ADD" or "DEL"))
        {
            return null;
        }

        var timed = timings.Begin(request.Role == ShimRole.Ipam ? $"ipam {verb}" : verb, container, "wait");
        var now = (long)(time.GetTimestamp() * (1e9 / time.TimestampFrequency));
        if (ShimTimes.TryRead(request[ShimTimes.Variable], now, out var shim))
        {
            timed.AddBefore("shim-start", shim.Start);
            timed.AddBefore("shim", shim.Own);
            timed.AddBefore("hand-over", shim.HandOver);
        }

        return timed;
    }

    /// <returns>As <see cref="ShimConnection.UntilPeerIsGoneAsync"/>.</returns>
    private async Task<bool> CancelWithoutPeerAsync(ShimConnection connection, CancellationTokenSource caller, CancellationToken answered)
    {
        try
        {
            var isAllRead = await connection.UntilPeerIsGoneAsync(time, answered);
            await caller.CancelAsync();
            return isAllRead;
        }
        catch (OperationCanceledException) when (answered.IsCancellationRequested)
        {
            // The call was over first.
            return false;
        }
    }

    /// <summary>Sends a reply and waits until the other end has read it: it closes then.</summary>
    /// <param name="connection">The shim's.</param>
    /// <param name="reply">What it waits for.</param>
    /// <param name="watching">Goes on while the reply is sent: to end it first is a cancelled receive and an exception, for which every ADD
    /// would wait.</param>
    /// <returns>False: it was not read. One that neither reads nor closes in time may still read it.</returns>
    private async Task<bool> IsReadAsync(ShimConnection connection, ShimReply reply, Task<bool> watching)
    {
        try
        {
            await connection.ReplyAsync(reply, CancellationToken.None);
            return await watching.WaitAsync(RequestTime, time);
        }
        catch (SocketException)
        {
            return false;
        }
        catch (TimeoutException)
        {
            return true;
        }
    }

    private async Task UndoAsync(Func<CancellationToken, Task> undo, string container)
    {
        using var deadline = new CancellationTokenSource(UndoTime, time);
        try
        {
            await undo(deadline.Token);
            Log.Undone(log, container);
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            Log.NotUndone(log, container, e.Message);
        }
    }

    /// <summary>Drains at once and at every interval, until the adapter drains: no round's failure is the loop's end.</summary>
    private async Task SweepAsync(CancellationToken ct)
    {
        using var timer = new PeriodicTimer(settings.SpoolInterval, time);
        try
        {
            for (var left = 0; ;)
            {
                var before = left;
                left = await DrainSpoolAsync(ct);
                _firstDrain.TrySetResult();
                if (before > 0 && left == 0)
                {
                    Log.SpoolEmpty(log);
                }

                await timer.WaitForNextTickAsync(ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Log.Draining(log);
        }
    }

    private async Task<int> DrainSpoolAsync(CancellationToken ct)
    {
        try
        {
            var left = await spool.DrainAsync(ct);
            lifetime.Report("spool", left == 0, left == 0 ? ""
                : $"{left} DELs of the time without a host are not done yet; the log says why");
            return left;
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            lifetime.Report("spool", false, e.Message);
            Log.SpoolUnreadable(log, settings.SpoolDir, e.Message);
            return 0;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7000, LogLevel.Warning, "A plugin call could not be accepted: {Reason}")]
        public static partial void AcceptFailed(ILogger log, string reason);

        [LoggerMessage(7070, LogLevel.Error, "No plugin calls are taken any more")]
        public static partial void Ended(ILogger log, Exception error);

        [LoggerMessage(7001, LogLevel.Warning, "A call of user {User} was closed: only root runs CNI plugins")]
        public static partial void NotRoot(ILogger log, int user);

        [LoggerMessage(7002, LogLevel.Warning, "A plugin call was dropped: {Reason}")]
        public static partial void Dropped(ILogger log, string reason);

        [LoggerMessage(7003, LogLevel.Error, "A plugin call ended in an error nobody expected")]
        public static partial void Broke(ILogger log, Exception error);

        [LoggerMessage(7004, LogLevel.Warning, "The spool {Folder} cannot be read: {Reason}")]
        public static partial void SpoolUnreadable(ILogger log, string folder, string reason);

        [LoggerMessage(7005, LogLevel.Information, "All spooled DELs are done")]
        public static partial void SpoolEmpty(ILogger log);

        [LoggerMessage(7080, LogLevel.Warning, "{Verb} of container {Container} is not done: its caller has gone")]
        public static partial void Abandoned(ILogger log, string verb, string container);

        [LoggerMessage(7081, LogLevel.Warning, "ADD of container {Container} is undone: its caller went without reading the answer")]
        public static partial void Undone(ILogger log, string container);

        [LoggerMessage(7082, LogLevel.Error,
            "ADD of container {Container} is to be undone, because its caller went without reading the answer, and could not: {Reason}")]
        public static partial void NotUndone(ILogger log, string container, string reason);

        [LoggerMessage(7006, LogLevel.Information, "Draining: no new calls are taken")]
        public static partial void Draining(ILogger log);
    }
}
