using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Calico.Plugins.Docker.Serving;

/// <summary>A call of the protocol: bytes in, bytes out.</summary>
/// <param name="Name">As in its path, without the slash.</param>
/// <param name="HasBody">Whether a request without one is no request: dockerd's retry after a broken connection has lost its body, and
/// what it was about nobody knows.</param>
/// <param name="RunAsync">Does it.</param>
internal sealed record PluginCall(string Name, bool HasBody, Func<ReadOnlyMemory<byte>, CancellationToken, Task<byte[]>> RunAsync)
{
    public static PluginCall Of<TRequest, TAnswer>(string name, JsonTypeInfo<TRequest> request, JsonTypeInfo<TAnswer> answer,
        Func<TRequest, CancellationToken, Task<TAnswer>> run) => new(name, true, async (body, ct) =>
        {
            var read = JsonSerializer.Deserialize(body.Span, request) ?? throw new JsonException("it is null");
            return JsonSerializer.SerializeToUtf8Bytes(await run(read, ct), answer);
        });

    /// <summary>One whose answer is always the same, whatever is sent.</summary>
    public static PluginCall Constant<TAnswer>(string name, TAnswer answer, JsonTypeInfo<TAnswer> type)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(answer, type);
        return new(name, false, (_, _) => Task.FromResult(bytes));
    }
}
