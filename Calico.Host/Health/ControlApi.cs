using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Calico.Host.Plugins;
using Calico.Linux;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Health;

/// <summary>JSON over HTTP/1.1 on <c>/run/calico/host.sock</c> for root and members of the socket's group.</summary>
/// <remarks>What is answered is each part's own (<see cref="IControlRoutes"/>); this has the socket, who may ask, and what an error
/// becomes.</remarks>
internal sealed partial class ControlApi : IAsyncDisposable
{
    private readonly SmallServer _server;
    private readonly BoundSocket _socket;

    private ControlApi(SmallServer server, BoundSocket socket) => (_server, _socket) = (server, socket);

    /// <summary>Binds and serves.</summary>
    /// <exception cref="CalicoException">The socket cannot be bound.</exception>
    public static async Task<ControlApi> StartAsync(string path, IEnumerable<IControlRoutes> parts, ILoggerFactory loggers,
        CancellationToken ct)
    {
        var routes = new ControlRoutes();
        foreach (var part in parts)
        {
            part.Map(routes);
        }

        var logger = loggers.CreateLogger<ControlApi>();
        var bound = BoundSocket.Bind(new("host", path,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite));
        try
        {
            return new(await SmallServer.StartAsync(
                kestrel => kestrel.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http1),
                transport => transport.CreateBoundListenSocket = _ => bound.Duplicate(),
                context => MayAsk(context, path) ? AnswerAsync(context, routes.AnswerAsync, logger)
                    : SayAsync(context, StatusCodes.Status403Forbidden, "root or a member of the socket's group may ask"),
                loggers, ct), bound);
        }
        catch
        {
            bound.Dispose();
            throw;
        }
    }

    /// <summary>Answers with a value.</summary>
    /// <remarks>In one piece: only so does the serializer use the code that was generated for the type, and not a converter for each of its
    /// members, which a host that has just started would compile first.</remarks>
    public static async Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(value, type), context.RequestAborted);
    }

    /// <summary>Answers with a line.</summary>
    public static Task SayAsync(HttpContext context, int status, string line)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(line + "\n", context.RequestAborted);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _server.DisposeAsync();
        }
        finally
        {
            _socket.Dispose();
        }
    }

    // The edge: what a part throws is said in words, and what nobody expected is in the log with its trace.
    private static async Task AnswerAsync(HttpContext context, RequestDelegate next, ILogger logger)
    {
        try
        {
            await next(context);
        }
        catch (CalicoException e) when (!context.Response.HasStarted)
        {
            await SayAsync(context, e.Problem == Problem.NotFound ? StatusCodes.Status404NotFound : StatusCodes.Status503ServiceUnavailable,
                e.Message);
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
        {
            Log.Unexpected(logger, context.Request.Path, e);
            await SayAsync(context, StatusCodes.Status500InternalServerError, "an error nobody expected; the host's log has it");
        }
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

    private static partial class Log
    {
        [LoggerMessage(1009, LogLevel.Error, "{Path} on the control socket met an error nobody expected")]
        public static partial void Unexpected(ILogger logger, string path, Exception reason);
    }
}
