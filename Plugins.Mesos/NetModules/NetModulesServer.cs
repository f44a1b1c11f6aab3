using System.Net.Sockets;
using Calico.Shim.Wire;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>Serves the command <c>calico_mesos</c>: accepts, bounds, drains.</summary>
internal sealed partial class NetModulesServer(MesosSettings settings, IListeners listeners, IPluginLifetime lifetime,
    NetModulesCommands commands,
    TimeProvider time, ILogger<NetModulesServer> log) : BackgroundService
{
    public const string ListenerName = "net-modules";

    private const string ServerCheck = "net-modules";

    /// <summary>The command writes its request at once; whoever does not is holding a place.</summary>
    private static readonly TimeSpan RequestTime = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var draining = CancellationTokenSource.CreateLinkedTokenSource(lifetime.Draining, stoppingToken);
        using var cut = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var places = new SemaphoreSlim(settings.MaxCalls, settings.MaxCalls);
        try
        {
            using var listening = listeners.Take(ListenerName);
            lifetime.Report(ServerCheck, true, "");
            await AcceptAsync(listening, places, cut.Token, draining.Token);
        }
        catch (OperationCanceledException) when (draining.IsCancellationRequested)
        {
            // Drained.
        }
        catch (Exception e)
        {
            // The top frame: nobody else would notice that no call is taken any more.
            Log.Ended(log, e);
            lifetime.Report(ServerCheck, false, $"no calls of calico_mesos are taken any more: {e.Message}; start calico-host again");
        }

        // What is being served ends, then is cut.
        cut.CancelAfter(lifetime.DrainTime);
        for (var i = 0; i < settings.MaxCalls; i++)
        {
            await places.WaitAsync(CancellationToken.None);
        }
    }

    private async Task AcceptAsync(Socket listening, SemaphoreSlim places, CancellationToken cut, CancellationToken ct)
    {
        while (true)
        {
            await places.WaitAsync(ct);
            try
            {
                var client = await listening.AcceptAsync(ct);
                // Owned: it gives its place back when it ends, and all places are waited for at the end.
                _ = ServeAsync(client, places, cut);
            }
            catch (SocketException e)
            {
                places.Release();
                // Out of descriptors, or the peer left while it waited: the listener is still good.
                Log.AcceptFailed(log, e.Message);
                await Task.Delay(Pause, time, ct);
            }
            catch
            {
                places.Release();
                throw;
            }
        }
    }

    private async Task ServeAsync(Socket client, SemaphoreSlim places, CancellationToken cut)
    {
        using var connection = new NetModulesConnection(client);
        try
        {
            if (connection.PeerUserId is var user && user != 0)
            {
                Log.NotRoot(log, user);
                return;
            }

            using var patience = new CancellationTokenSource(RequestTime, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cut);
            if (await connection.ReceiveAsync(either.Token) is not { } request)
            {
                return;
            }

            // A host that was stopped finds a backlog of those whose agent gave up; what they ask for nobody would take away.
            if (connection.IsPeerGone())
            {
                Log.Dropped(log, "its caller has gone");
                return;
            }

            var reply = await commands.RunAsync(request, cut);
            // Not under the cut: the call is over, and the command waits for it.
            await connection.ReplyAsync(reply, CancellationToken.None);
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

    private static partial class Log
    {
        [LoggerMessage(7322, LogLevel.Warning, "A call of calico_mesos could not be accepted: {Reason}")]
        public static partial void AcceptFailed(ILogger log, string reason);

        [LoggerMessage(7323, LogLevel.Error, "No calls of calico_mesos are taken any more")]
        public static partial void Ended(ILogger log, Exception error);

        [LoggerMessage(7324, LogLevel.Warning, "A call of user {User} was closed: only root runs calico_mesos")]
        public static partial void NotRoot(ILogger log, int user);

        [LoggerMessage(7325, LogLevel.Warning, "A call of calico_mesos was dropped: {Reason}")]
        public static partial void Dropped(ILogger log, string reason);

        [LoggerMessage(7326, LogLevel.Error, "A connection of calico_mesos ended in an error nobody expected")]
        public static partial void Broke(ILogger log, Exception error);
    }
}
