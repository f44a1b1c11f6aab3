using System.Collections;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Calico;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

[assembly: CalicoContract(1, 0)]

namespace Calico.SystemTests.Sdk.Bridge;

/// <summary>An adapter that has no orchestrator: whoever connects calls the host's contracts, each by its own name.</summary>
public sealed class BridgeAdapter : IOrchestratorPlugin
{
    public string Name => "bridge";

    public void Configure(IPluginBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Listen(new("api", "/run/calico/bridge.sock", UnixFileMode.UserRead | UnixFileMode.UserWrite));
        builder.Services.AddHostedService<BridgeServer>();
    }
}

/// <summary>A connection is a call: one line in; one out, or one for each item of a stream.</summary>
internal sealed class BridgeServer(IListeners listeners, IPluginLifetime life, INetworkNamespaces namespaces, IWorkloadNetwork network,
    IWorkloadDataplane dataplane, IIpam ipam, IProfiles profiles) : BackgroundService
{
    private readonly Dictionary<string, object> _contracts = new()
    {
        [nameof(IWorkloadNetwork)] = network,
        [nameof(IWorkloadDataplane)] = dataplane,
        [nameof(IIpam)] = ipam,
        [nameof(IProfiles)] = profiles,
    };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var draining = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, life.Draining);
        using var socket = listeners.Take("api");
        var serving = new HashSet<Task>();
        try
        {
            while (true)
            {
                var client = await socket.AcceptAsync(draining.Token);
                serving.RemoveWhere(t => t.IsCompleted);
                serving.Add(ServeAsync(client, stoppingToken));
            }
        }
        catch (OperationCanceledException) when (draining.IsCancellationRequested)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        var opened = new List<NetworkNamespace>();
        var json = ContractJson.Options(path =>
        {
            opened.Add(namespaces.Open(path));
            return opened[^1];
        });
        try
        {
            await using var stream = new NetworkStream(client, ownsSocket: true);
            using var reader = new StreamReader(stream);
            await using var writer = new StreamWriter(stream) { AutoFlush = true };
            if (await reader.ReadLineAsync(ct) is { } line)
            {
                await foreach (var answer in AnswersAsync(JsonSerializer.Deserialize<BridgeCall>(line, json)!, json, ct))
                {
                    await writer.WriteLineAsync(JsonSerializer.Serialize(answer, json));
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The caller went, or we are to go.
        }
        finally
        {
            opened.ForEach(space => space.Dispose());
        }
    }

    private async IAsyncEnumerable<BridgeAnswer> AnswersAsync(BridgeCall call, JsonSerializerOptions json,
        [EnumeratorCancellation] CancellationToken ct)
    {
        object? called = null;
        BridgeAnswer? answered = null;
        try
        {
            var contract = typeof(IIpam).Assembly.GetType($"Calico.{call.Contract}")!;
            var method = contract.GetMethod(call.Method)!;
            var arguments = method.GetParameters().Select((parameter, i) => parameter.ParameterType == typeof(CancellationToken)
                ? ct
                : call.Arguments[i].Deserialize(parameter.ParameterType, json));
            called = method.Invoke(_contracts[call.Contract], BindingFlags.DoNotWrapExceptions, null, [.. arguments], null);
            if (called is Task task)
            {
                await task;
                var result = method.ReturnType.IsGenericType ? task.GetType().GetProperty("Result")!.GetValue(task) : null;
                var type = method.ReturnType.GenericTypeArguments.SingleOrDefault() ?? typeof(object);
                answered = new(JsonSerializer.SerializeToElement(result, type, json));
            }
        }
        catch (CalicoException e)
        {
            answered = new(Problem: e.Problem, Message: e.Message, Path: e.Path);
        }

        if (answered is not null)
        {
            yield return answered;
            yield break;
        }

        await foreach (var item in (IAsyncEnumerable<(EndpointState, string)>)called!)
        {
            yield return new(JsonSerializer.SerializeToElement(item, json), More: true);
        }

        yield return new();
    }
}
