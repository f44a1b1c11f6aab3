using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Plugins.Mesos.Isolation;

/// <summary>gRPC on the unix socket that the host bound, and on a loopback port with TLS where one is asked for.</summary>
internal sealed partial class IsolatorServer(MesosSettings settings, IListeners listeners, IPluginLifetime lifetime,
    IsolatorService service,
    IsolatorHealth health, TimeProvider time, ILogger<IsolatorServer> log) : BackgroundService
{
    public const string ListenerName = "isolator";

    private const string ServerCheck = "isolator";
    private const string PortCheck = "isolator port";
    private const int MaxMessage = 1 << 20;
    private const long MaxConnections = 1024;

    /// <summary>An agent that recovers watches every container.</summary>
    private const int MaxStreams = 4096;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.Draining);
        // A server each: a port that another process has keeps nobody from the socket.
        await Task.WhenAll(
            ServeAsync(ServerCheck, settings.Socket, ListenOnSocket, ending.Token),
            settings.TlsPort > 0
                ? ServeAsync(PortCheck, $"{settings.TlsAddress}:{settings.TlsPort}", ListenOnPort, ending.Token)
                : Task.CompletedTask);
    }

    private async Task ServeAsync(string check, string place, Action<KestrelServerOptions> listen, CancellationToken ending)
    {
        try
        {
            await using var server = Build(listen);
            await server.StartAsync(ending);
            Log.Serving(log, place);
            lifetime.Report(check, true, "");
            await Task.Delay(Timeout.InfiniteTimeSpan, time, ending).ContinueWith(static _ => { }, CancellationToken.None,
                TaskContinuationOptions.None, TaskScheduler.Default);
            // What is being answered is answered first.
            using var limit = new CancellationTokenSource(lifetime.DrainTime, time);
            await server.StopAsync(limit.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Told to go while it started.
        }
        catch (Exception e)
        {
            // The top frame: nobody else would notice that no call is taken.
            Log.Ended(log, place, e);
            lifetime.Report(check, false, $"no calls are taken on {place}: {e.Message}");
        }
    }

    private WebApplication Build(Action<KestrelServerOptions> listen)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        // Its own lines are ten for each call, and what goes wrong with a call is said where the call is.
        builder.Services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        builder.Services.AddSingleton<IHostLifetime, OwnersLifetime>();
        builder.Services.AddSingleton(service);
        builder.Services.AddSingleton(health);
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = MaxMessage);
        builder.Services.AddGrpcReflection();
        builder.Services.Configure<SocketTransportOptions>(o => o.CreateBoundListenSocket = BoundSocket);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            Limit(kestrel);
            listen(kestrel);
        });
        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<IsolatorService>();
        app.MapGrpcService<IsolatorHealth>();
        app.MapGrpcReflectionService();
        return app;
    }

    private static void Limit(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.Http2.MaxStreamsPerConnection = MaxStreams;
        // A watch sends nothing for as long as a container lives.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
    }

    private void ListenOnSocket(KestrelServerOptions kestrel) =>
        kestrel.ListenUnixSocket(settings.Socket, listen => listen.Protocols = HttpProtocols.Http2);

    private void ListenOnPort(KestrelServerOptions kestrel) =>
        kestrel.Listen(IPAddress.Parse(settings.TlsAddress), settings.TlsPort, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.UseHttps(TlsIdentity.Load(settings));
        });

    private Socket BoundSocket(EndPoint at) =>
        at is UnixDomainSocketEndPoint ? listeners.Take(ListenerName) : SocketTransportOptions.CreateDefaultBoundListenSocket(at);

    /// <summary>Signals are the host's business: the default would take SIGTERM away from it.</summary>
    private sealed class OwnersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(7312, LogLevel.Information, "The Mesos isolator answers on {Place}")]
        public static partial void Serving(ILogger log, string place);

        [LoggerMessage(7313, LogLevel.Error, "The Mesos isolator takes no calls on {Place}")]
        public static partial void Ended(ILogger log, string place, Exception error);
    }
}
