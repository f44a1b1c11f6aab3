using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Calico.Host.Health;

/// <summary>A Kestrel for a few short answers over HTTP/1.1: the server alone. What a web application's host adds (configuration, services,
/// routing) is none of it used here, and made a start of calico-host longer.</summary>
internal sealed class SmallServer : IAsyncDisposable
{
    private readonly KestrelServer _server;
    private readonly ServiceProvider _services;

    private SmallServer(KestrelServer server, ServiceProvider services) => (_server, _services) = (server, services);

    /// <summary>Listens and answers.</summary>
    /// <param name="listen">Says where.</param>
    /// <param name="bind">Says which sockets; null: Kestrel's own.</param>
    /// <param name="answer">Answers; what it throws is logged and becomes a 500.</param>
    /// <param name="loggers">For Kestrel.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="IOException">The address cannot be had.</exception>
    public static async Task<SmallServer> StartAsync(Action<KestrelServerOptions> listen, Action<SocketTransportOptions>? bind,
        RequestDelegate answer,
        ILoggerFactory loggers, CancellationToken ct)
    {
        var services = new ServiceCollection().AddSingleton(loggers).BuildServiceProvider();
        var options = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = services };
        options.Limits.MaxRequestBodySize = 64 * 1024;
        options.Limits.MaxConcurrentConnections = 64;
        listen(options);
        var transport = new SocketTransportOptions();
        bind?.Invoke(transport);
        var server = new KestrelServer(Options.Create(options), new SocketTransportFactory(Options.Create(transport), loggers), loggers);
        var small = new SmallServer(server, services);
        try
        {
            await server.StartAsync(new Application(answer), ct);
            return small;
        }
        catch
        {
            await small.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops. A request that is answered does not wait for one that is not.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource();
        limit.CancelAfter(TimeSpan.FromSeconds(1));
        await _server.StopAsync(limit.Token);
        _server.Dispose();
        await _services.DisposeAsync();
    }

    private sealed class Application(RequestDelegate answer) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public async Task ProcessRequestAsync(HttpContext context)
        {
            try
            {
                await answer(context);
            }
            catch (Exception e) when (context.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException)
            {
                // Nobody reads it any more; Kestrel would call it an error of ours.
            }
        }

        public void DisposeContext(HttpContext context, Exception? exception)
        {
        }
    }
}
