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
    private const int MaxMessage = 1 << 20;
    private const long MaxConnections = 1024;

    /// <summary>An agent that recovers watches every container.</summary>
    private const int MaxStreams = 4096;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.Draining);
        try
        {
            await using var server = Build();
            await server.StartAsync(ending.Token);
            Log.Serving(log, settings.Socket, settings.TlsPort > 0 ? $" and {settings.TlsAddress}:{settings.TlsPort}" : "");
            lifetime.Report(ServerCheck, true, "");
            await Task.Delay(Timeout.InfiniteTimeSpan, time, ending.Token).ContinueWith(static _ => { }, CancellationToken.None,
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
            Log.Ended(log, e);
            lifetime.Report(ServerCheck, false, $"no calls are taken: {e.Message}");
        }
    }

    private WebApplication Build()
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
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(Configure);
        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<IsolatorService>();
        app.MapGrpcService<IsolatorHealth>();
        app.MapGrpcReflectionService();
        return app;
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.Http2.MaxStreamsPerConnection = MaxStreams;
        // A watch sends nothing for as long as a container lives.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.ListenUnixSocket(settings.Socket, listen => listen.Protocols = HttpProtocols.Http2);
        if (settings.TlsPort > 0)
        {
            kestrel.Listen(IPAddress.Parse(settings.TlsAddress), settings.TlsPort, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.UseHttps(TlsIdentity.Load(settings));
            });
        }
    }

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
        [LoggerMessage(7312, LogLevel.Information, "The Mesos isolator answers on {Socket}{Port}")]
        public static partial void Serving(ILogger log, string socket, string port);

        [LoggerMessage(7313, LogLevel.Error, "The Mesos isolator takes no calls")]
        public static partial void Ended(ILogger log, Exception error);
    }
}
