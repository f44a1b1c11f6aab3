using System.Net;
using System.Net.Sockets;
using Calico.Plugins.Docker.Networks;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Calico.Plugins.Docker.Serving;

/// <summary>Serves both sockets: Kestrel alone, without the generic host.</summary>
/// <remarks>The host binds the sockets before anything else is there, so a dockerd that starts first waits in the backlog instead of for
/// its fifteen seconds of retries.</remarks>
internal sealed partial class PluginServer(DockerSettings settings, IListeners listeners, IPluginLifetime lifetime,
    PluginApplication application, NetworkBook book, TimeProvider time, ILogger<PluginServer> log) : BackgroundService
{
    public const string Network = "network";
    public const string Ipam = "ipam";

    private const long MaxBody = 1 << 20;
    private const long MaxConnections = 4096;

    /// <summary>dockerd keeps its connections for ever. One that is closed as a request is sent costs it its body.</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromHours(1);

    /// <summary>Whoever connects and says nothing holds a place.</summary>
    private static readonly TimeSpan FirstRequest = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.Draining);
        // Its own lines are ten for each call, and what goes wrong with a call is said where the call is.
        var silent = NullLoggerFactory.Instance;
        var transport = new SocketTransportFactory(Options.Create(Sockets()), silent);
        using var server = new KestrelServer(Options.Create(Configure()), transport, silent);
        try
        {
            foreach (var key in await book.LoadAsync(ending.Token))
            {
                Log.Damaged(log, key);
            }

            await server.StartAsync(application, ending.Token);
            Log.Serving(log, settings.NetworkSocket, settings.IpamSocket);
            await Task.Delay(Timeout.InfiniteTimeSpan, time, ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Told to go: what is being answered is answered first.
        }

        using var limit = new CancellationTokenSource(lifetime.DrainTime, time);
        await server.StopAsync(limit.Token);
    }

    private KestrelServerOptions Configure()
    {
        var options = new KestrelServerOptions
        {
            AddServerHeader = false,
            ApplicationServices = new ServiceCollection().BuildServiceProvider(),
        };
        options.Limits.MaxRequestBodySize = MaxBody;
        options.Limits.MaxConcurrentConnections = MaxConnections;
        options.Limits.KeepAliveTimeout = KeepAlive;
        options.ListenUnixSocket(settings.NetworkSocket, listen => Watch(listen, isIpam: false));
        options.ListenUnixSocket(settings.IpamSocket, listen => Watch(listen, isIpam: true));
        return options;
    }

    private SocketTransportOptions Sockets() => new()
    {
        CreateBoundListenSocket = at => listeners.Take(IsIpam(at) ? Ipam : Network),
        // It calls listen(2) once more. Beyond the backlog the kernel answers "try again", and dockerd tries for 15 seconds.
        Backlog = (int)MaxConnections,
    };

    private bool IsIpam(EndPoint at) => at is UnixDomainSocketEndPoint socket && socket.ToString() == settings.IpamSocket;

    private void Watch(ListenOptions listen, bool isIpam)
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.Use(next => async connection =>
        {
            var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
            var note = new ConnectionNote(isIpam, socket is null ? null : PeerProcess.Of(socket));
            connection.Features.Set(note);
            await using var patience = time.CreateTimer(_ => AbortIdle(connection, note), null, FirstRequest, Timeout.InfiniteTimeSpan);
            await next(connection);
        });
    }

    private static void AbortIdle(ConnectionContext connection, ConnectionNote note)
    {
        if (!note.HasAsked)
        {
            connection.Abort(new ConnectionAbortedException("no request came"));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7210, LogLevel.Information, "Docker's network driver answers on {Network}, its IPAM driver on {Ipam}")]
        public static partial void Serving(ILogger log, string network, string ipam);

        [LoggerMessage(7211, LogLevel.Error, "What the node's log has of a network cannot be read: {Key}; create that network again")]
        public static partial void Damaged(ILogger log, string key);
    }
}
