using System.Collections.Immutable;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Calico.Host.Plugins;
using Calico.Linux;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Health;

/// <summary>What the control API shows; each part is asked when a request comes.</summary>
public sealed record ControlSources(Func<CancellationToken, Task<StatusReport>> Status, Func<ImmutableArray<string>> NotReady,
    Func<ImmutableArray<EndpointReport>> Endpoints, Func<CancellationToken, Task<ImmutableArray<LeaseReport>>> Leases,
    Func<CancellationToken, Task<ImmutableSortedDictionary<string, long>>> Drops, Func<CancellationToken, Task<string>> Metrics,
    Func<CancellationToken, Task<ImmutableArray<string>>> Audit, Func<string, CancellationToken, Task<string?>> Program);

/// <summary>JSON over HTTP/1.1 on <c>/run/calico/host.sock</c> for root and members of the socket's group.</summary>
public sealed class ControlApi : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly BoundSocket _socket;

    private ControlApi(WebApplication app, BoundSocket socket) => (_app, _socket) = (app, socket);

    /// <summary>Binds and serves.</summary>
    /// <exception cref="CalicoException">The socket cannot be bound.</exception>
    public static async Task<ControlApi> StartAsync(string path, ControlSources sources, ILoggerFactory loggers, CancellationToken ct)
    {
        var bound = BoundSocket.Bind(new("host", path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite));
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 64 * 1024;
            kestrel.Limits.MaxConcurrentConnections = 64;
            kestrel.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.Configure<SocketTransportOptions>(o => o.CreateBoundListenSocket = _ => bound.Duplicate());
        var app = builder.Build();
        app.Use(async (context, next) =>
        {
            if (!MayAsk(context, path))
            {
                context.Response.StatusCode = StatusCodes.Status403Forbidden;
                await context.Response.WriteAsync("root or a member of the socket's group may ask\n", context.RequestAborted);
                return;
            }

            await next(context);
        });
        app.UseRouting();
        Map(app, sources);
        await app.StartAsync(ct);
        return new(app, bound);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        _socket.Dispose();
    }

    private static void Map(WebApplication app, ControlSources sources)
    {
        app.MapGet("/live", context => context.Response.WriteAsync("ok\n", context.RequestAborted));
        app.MapGet("/ready", async context =>
        {
            var reasons = sources.NotReady();
            context.Response.StatusCode = reasons.IsEmpty ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
            await context.Response.WriteAsync(reasons.IsEmpty ? "ok\n" : string.Join('\n', reasons) + "\n", context.RequestAborted);
        });
        app.MapGet("/metrics", async context =>
        {
            context.Response.ContentType = "text/plain; version=0.0.4";
            await context.Response.WriteAsync(await sources.Metrics(context.RequestAborted), context.RequestAborted);
        });
        app.MapGet("/status", async context => await WriteAsync(context, await sources.Status(context.RequestAborted), StatusJson.Default.StatusReport));
        app.MapGet("/endpoints", context => WriteAsync(context, sources.Endpoints(), StatusJson.Default.ImmutableArrayEndpointReport));
        app.MapGet("/leases", async context => await WriteAsync(context, await sources.Leases(context.RequestAborted), StatusJson.Default.ImmutableArrayLeaseReport));
        app.MapGet("/drops", async context => await WriteAsync(context, await sources.Drops(context.RequestAborted), StatusJson.Default.ImmutableSortedDictionaryStringInt64));
        app.MapGet("/audit", async context => await WriteAsync(context, await sources.Audit(context.RequestAborted), StatusJson.Default.ImmutableArrayString));
        app.MapGet("/program", async context =>
        {
            var name = context.Request.Query["interface"].ToString();
            var text = await sources.Program(name, context.RequestAborted);
            context.Response.StatusCode = text is null ? StatusCodes.Status404NotFound : StatusCodes.Status200OK;
            await context.Response.WriteAsync(text ?? $"there is no endpoint with interface '{name}' on this node\n", context.RequestAborted);
        });
    }

    private static async Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(context.Response.Body, value, type, context.RequestAborted);
    }

    private static bool MayAsk(HttpContext context, string path)
    {
        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is not { } peer)
        {
            return false;
        }

        try
        {
            // The file's mode is the first lock; this is the second, for a socket whose mode somebody widened.
            return PeerCredentials.Of(peer).UserId == 0 || (File.GetUnixFileMode(path) & UnixFileMode.OtherWrite) == 0;
        }
        catch (SocketException)
        {
            // A peer that cannot be told is nobody.
            return false;
        }
    }
}
