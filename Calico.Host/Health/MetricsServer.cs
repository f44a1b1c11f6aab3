using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Health;

/// <summary><c>GET /metrics</c>: on the control socket, and over TCP where a setting says so.</summary>
/// <remarks>Over TCP whoever reaches the port may read, so it is loopback unless a person says otherwise, and there is nothing else on it.
/// </remarks>
internal sealed partial class MetricsServer(HostMeters meters, HealthBoard health, ILoggerFactory loggers)
    : IControlRoutes, IAsyncDisposable
{
    private readonly HealthCheck _check = health.Check("host", "metrics");
    private SmallServer? _server;

    public void Map(ControlRoutes routes) => routes.MapGet("/metrics", async context =>
    {
        var text = await meters.WriteAsync(context.RequestAborted);
        context.Response.ContentType = "text/plain; version=0.0.4";
        await context.Response.WriteAsync(text, context.RequestAborted);
    });

    /// <summary>Serves on an address too. One that cannot be had is said and keeps nobody from the network.</summary>
    public async Task ListenAsync(IPEndPoint address, CancellationToken ct)
    {
        var routes = new ControlRoutes();
        Map(routes);
        try
        {
            _server = await SmallServer.StartAsync(
                kestrel => kestrel.Listen(address, listen => listen.Protocols = HttpProtocols.Http1), null, routes.AnswerAsync,
                    loggers, ct);
            _check.Well();
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            Log.NotServed(loggers.CreateLogger<MetricsServer>(), address, e.Message);
            _check.Fail($"not served on {address}: {e.Message}; set FELIX_PROMETHEUSMETRICSHOST or FELIX_PROMETHEUSMETRICSPORT, and start "
                + "calico-host again");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is { } server)
        {
            _server = null;
            await server.DisposeAsync();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1008, LogLevel.Error, "metrics are not served on {Address}: {Reason}")]
        public static partial void NotServed(ILogger logger, IPEndPoint address, string reason);
    }
}
