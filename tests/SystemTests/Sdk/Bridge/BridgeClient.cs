using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Calico.SystemTests.Sdk.Bridge;

/// <summary>A contract of a host in another process.</summary>
[SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy derives from it.")]
internal class BridgeClient : DispatchProxy
{
    private static readonly JsonSerializerOptions Json = ContractJson.Options();
    private static readonly MethodInfo Typed =
        typeof(BridgeClient).GetMethod(nameof(ResultAsync), BindingFlags.NonPublic | BindingFlags.Instance)!;
    private string _socket = "";

    /// <param name="socket">Where the adapter listens.</param>
    public static T To<T>(string socket)
        where T : class
    {
        var proxy = Create<T, BridgeClient>();
        ((BridgeClient)(object)proxy)._socket = socket;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var parameters = targetMethod!.GetParameters();
        var arguments = parameters.Zip(args!).Where(pair => pair.Second is not CancellationToken)
            .Select(pair => JsonSerializer.SerializeToElement(pair.Second, pair.First.ParameterType, Json));
        var call = new BridgeCall(targetMethod.DeclaringType!.Name, targetMethod.Name, [.. arguments]);
        var ct = args!.OfType<CancellationToken>().Single();
        if (targetMethod.ReturnType == typeof(Task))
        {
            return ResultAsync<object>(call, ct);
        }

        var type = targetMethod.ReturnType.GenericTypeArguments.Single();
        return targetMethod.ReturnType.GetGenericTypeDefinition() == typeof(Task<>)
            ? Typed.MakeGenericMethod(type).Invoke(this, [call, ct])
            : ItemsAsync<(EndpointState, string)>(call, ct);
    }

    private async Task<T> ResultAsync<T>(BridgeCall call, CancellationToken ct)
    {
        using var stream = await SendAsync(call, ct);
        using var reader = new StreamReader(stream);
        return (await ReadAsync(reader, call, ct)).Result is { } result ? result.Deserialize<T>(Json)! : default!;
    }

    private async IAsyncEnumerable<T> ItemsAsync<T>(BridgeCall call, [EnumeratorCancellation] CancellationToken ct)
    {
        using var stream = await SendAsync(call, ct);
        using var reader = new StreamReader(stream);
        while (await ReadAsync(reader, call, ct) is { More: true } answer)
        {
            yield return answer.Result!.Value.Deserialize<T>(Json)!;
        }
    }

    private async Task<NetworkStream> SendAsync(BridgeCall call, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket), ct);
        var stream = new NetworkStream(socket, ownsSocket: true);
        await stream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(call, Json), ct);
        await stream.WriteAsync("\n"u8.ToArray(), ct);
        return stream;
    }

    private static async Task<BridgeAnswer> ReadAsync(StreamReader reader, BridgeCall call, CancellationToken ct)
    {
        var line = await reader.ReadLineAsync(ct) ?? throw new IOException($"{call.Contract}.{call.Method} was not answered");
        var answer = JsonSerializer.Deserialize<BridgeAnswer>(line, Json)!;
        return answer.Problem is { } problem ? throw new CalicoException(problem, answer.Message, answer.Path) : answer;
    }
}
