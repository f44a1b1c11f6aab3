using System.Buffers;
using System.Text.Json;
using Calico.Plugins.Docker.Protocol;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Docker.Serving;

/// <summary>Reads a call, runs it within its time, answers. Every answer is the protocol's, also that to nonsense.</summary>
internal sealed partial class PluginApplication(DockerSettings settings, CallTable calls, IPluginLifetime lifetime, ICallTimings timings,
    CallingProcess calling, TimeProvider time, ILogger<PluginApplication> log) : IHttpApplication<HttpContext>
{
    /// <summary>dockerd's Accept; it takes any version.</summary>
    private const string ContentType = "application/vnd.docker.plugins.v1.2+json";

    private const int Failed = StatusCodes.Status500InternalServerError;

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public void DisposeContext(HttpContext context, Exception? exception)
    {
        // Nothing of it is kept.
    }

    public async Task ProcessRequestAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var asked = context.Features.GetRequiredFeature<ConnectionNote>();
        asked.HasAsked = true;
        calling.Enter(asked.Process);
        var (status, body) = await RunAsync(context, asked.IsIpam);
        context.Response.StatusCode = status;
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body);
    }

    private async Task<(int Status, byte[] Body)> RunAsync(HttpContext context, bool isIpam)
    {
        var path = context.Request.Path.Value ?? "";
        if (calls.Find(isIpam, path) is not { } call)
        {
            return Refuse(StatusCodes.Status404NotFound, $"there is no call {path} here");
        }

        if (!HttpMethods.IsPost(context.Request.Method))
        {
            return Refuse(StatusCodes.Status405MethodNotAllowed, $"{call.Name} is a POST");
        }

        using var timed = timings.Begin(call.Name, "dockerd", "wait");
        using var limit = new CancellationTokenSource(settings.CallTime, time);
        try
        {
            var body = await ReadAsync(context, limit.Token);
            if (call.HasBody && body.IsEmpty)
            {
                return Refuse(
                    StatusCodes.Status400BadRequest, $"{call.Name} without a body: a retry after a broken connection; nothing was done");
            }

            if (call.HasBody && lifetime.Draining.IsCancellationRequested)
            {
                return Refuse(Failed, "calico-host is stopping; try again");
            }

            var answer = await call.RunAsync(body, limit.Token);
            timed.Complete();
            return (StatusCodes.Status200OK, answer);
        }
        catch (Exception e) when (CallError.Of(e, settings.CallTime) is var (status, text))
        {
            Log.Refused(log, call.Name, text);
            return Refuse(status, text);
        }
        catch (Exception e)
        {
            // The edge: dockerd gets an answer, and the log what nobody expected.
            Log.Broke(log, call.Name, e);
            return Refuse(Failed, $"{call.Name} failed in a way nobody expected; calico-host's log has it");
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext context, CancellationToken ct)
    {
        // Bounded by the server's limit of a body.
        var body = new ArrayBufferWriter<byte>();
        for (int read; (read = await context.Request.Body.ReadAsync(body.GetMemory(4096), ct)) > 0;)
        {
            body.Advance(read);
        }

        return body.WrittenMemory;
    }

    private static (int Status, byte[] Body) Refuse(int status, string reason) =>
        (status, JsonSerializer.SerializeToUtf8Bytes(new Refusal(reason), DockerJson.Default.Refusal));

    private static partial class Log
    {
        [LoggerMessage(7200, LogLevel.Warning, "{Call} was refused: {Reason}")]
        public static partial void Refused(ILogger log, string call, string reason);

        [LoggerMessage(7201, LogLevel.Error, "{Call} ended in an error nobody expected")]
        public static partial void Broke(ILogger log, string call, Exception error);
    }
}
