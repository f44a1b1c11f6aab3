using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Calico.EmbeddedStore;

/// <summary>A small Kestrel that serves an engine's etcd API.</summary>
public sealed partial class EtcdApiServer : IAsyncDisposable
{
    // Kestrel's own.
    private const int Backlog = 512;

    private readonly Func<WebApplication> _build;
    private readonly List<Socket> _sockets;
    private readonly TimeProvider _time;
    private WebApplication? _app;

    private EtcdApiServer(Func<WebApplication> build, List<Socket> sockets, TimeProvider time)
    {
        (_build, _sockets, _time) = (build, sockets, time);
        Loopback = sockets.Select(s => s.LocalEndPoint).OfType<IPEndPoint>().FirstOrDefault();
    }

    /// <summary>The TCP address, with the port that was chosen where 0 was asked.</summary>
    public IPEndPoint? Loopback { get; }

    /// <summary>Listens and serves.</summary>
    /// <exception cref="CalicoException">As <see cref="Listen"/>.</exception>
    public static async Task<EtcdApiServer> StartAsync(EmbeddedEngine engine, EtcdApiOptions options, ILoggerFactory loggers,
        CancellationToken ct)
    {
        var server = Listen(engine, options, loggers);
        try
        {
            await server.ServeAsync(ct);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Listens on unix sockets: who connects is not refused any more, and waits for <see cref="ServeAsync"/>. A TCP address is
    /// taken, and refuses until then.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: nowhere to listen, or not on a loopback address;
    /// <see cref="Problem.Refused"/>: the address cannot be had.</exception>
    public static EtcdApiServer Listen(EmbeddedEngine engine, EtcdApiOptions options, ILoggerFactory loggers)
    {
        if (options.Loopback is { } asked && !IPAddress.IsLoopback(asked.Address))
        {
            throw new CalicoException(Problem.Invalid,
                $"serve the store on {asked}: only loopback addresses, it knows its clients by their user on this host", "loopback");
        }

        var sockets = Bind(options);
        return new(() => Build(engine, options, sockets, loggers), sockets, engine.Time);
    }

    /// <summary>Serves those who wait and those who come. Once.</summary>
    public async Task ServeAsync(CancellationToken ct)
    {
        _app = _build();
        await _app.StartAsync(ct);
    }

    /// <summary>Ends streams and stops listening. Before the engine is disposed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_app is { } app)
        {
            // Watches never end by themselves: the short time is for calls in progress.
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1), _time);
            await app.StopAsync(limit.Token);
            await app.DisposeAsync();
        }

        _sockets.ForEach(s => s.Dispose());
    }

    private static WebApplication Build(EmbeddedEngine engine, EtcdApiOptions options, List<Socket> sockets, ILoggerFactory loggers)
    {
        var logger = loggers.CreateLogger<EtcdApiServer>();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IHostLifetime, OwnersLifetime>();
        builder.Services.AddRoutingCore();
        builder.Services.AddEmbeddedStore(engine);
        builder.Services.Configure<SocketTransportOptions>(o => o.CreateBoundListenSocket = address =>
            sockets.Find(s => Equals(s.LocalEndPoint, address)) ?? throw new InvalidOperationException($"no socket is bound to {address}"));
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            foreach (var socket in sockets)
            {
                kestrel.Listen(socket.LocalEndPoint!, o =>
                {
                    o.Protocols = HttpProtocols.Http2;
                    if (socket.LocalEndPoint is IPEndPoint)
                    {
                        o.Use(next => connection => AdmitAsync(connection, next, logger));
                    }
                });
            }
        });
        var app = builder.Build();
        app.UseRouting();
        app.MapEmbeddedStore();
        return app;
    }

    /// <summary>The unix socket's mode keeps others out; a TCP port is everybody's on this host, so whoever connects is looked up.
    /// </summary>
    private static Task AdmitAsync(ConnectionContext connection, ConnectionDelegate next, ILogger logger)
    {
        var uid = connection is { RemoteEndPoint: IPEndPoint peer, LocalEndPoint: IPEndPoint us } ? LoopbackPeer.FindUid(peer, us) : null;
        if (LoopbackPeer.IsTrusted(uid))
        {
            return next(connection);
        }

        Log.Refused(logger, $"{connection.RemoteEndPoint}", uid is { } known ? $"user {known}" : "nobody of this host's network namespace");
        connection.Abort();
        return Task.CompletedTask;
    }

    private static List<Socket> Bind(EtcdApiOptions options)
    {
        var sockets = new List<Socket>();
        try
        {
            if (options.BoundSocket is { } bound)
            {
                sockets.Add(bound);
            }

            if (options.SocketPath is { } path)
            {
                sockets.Add(BindUnix(path));
            }

            if (options.Loopback is { } loopback)
            {
                var socket = new Socket(loopback.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                sockets.Add(socket);
                socket.Bind(loopback);
            }

            // Not TCP: who it is that connected is asked of the kernel, which forgets who has left meanwhile.
            sockets.FindAll(s => s.AddressFamily == AddressFamily.Unix).ForEach(s => s.Listen(Backlog));
        }
        catch (Exception error) when (error is SocketException or IOException or UnauthorizedAccessException)
        {
            sockets.ForEach(s => s.Dispose());
            throw new CalicoException(Problem.Refused,
                $"serve the store on {options.SocketPath} {options.Loopback}: {error.Message}", inner: error);
        }

        return sockets.Count > 0 ? sockets : throw new CalicoException(Problem.Invalid, "serve the store: no address is given");
    }

    private static Socket BindUnix(string path)
    {
        // Whose file it was does not matter: the store's file is locked, so no other server of it can be alive.
        File.Delete(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));

        // Before it listens, so nobody can connect while the mode is still the umask's.
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return socket;
    }

    /// <summary>Signals are the process's business: the default would take SIGTERM away from it.</summary>
    private sealed class OwnersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(2040, LogLevel.Warning, "the store's TCP port refused {Peer}: it is {Who}; only root may use it")]
        public static partial void Refused(ILogger logger, string peer, string who);
    }
}
