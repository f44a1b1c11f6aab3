using System.Net.Sockets;
using Calico;
using Microsoft.Extensions.Hosting;

namespace HelloOrchestrator;

/// <summary>One line in, one line out, for any number of callers: none waits for another's call.</summary>
internal sealed class HelloServer(IListeners listeners, IPluginLifetime life, HelloCalls calls) : BackgroundService
{
    public const string Listener = "api";

    /// <summary>Told to drain it takes nobody any more, and calls under way come to their end. The socket stays bound: who calls meanwhile
    /// waits for the successor.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var draining = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, life.Draining);
        using var socket = listeners.Take(Listener);
        var serving = new HashSet<Task>();
        try
        {
            while (true)
            {
                var client = await socket.AcceptAsync(draining.Token);
                serving.RemoveWhere(task => task.IsCompleted);
                serving.Add(ServeAsync(client, draining.Token, stoppingToken));
            }
        }
        catch (OperationCanceledException) when (draining.IsCancellationRequested)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket client, CancellationToken draining, CancellationToken cut)
    {
        try
        {
            await using var stream = new NetworkStream(client, ownsSocket: true);
            using var reader = new StreamReader(stream);
            await using var writer = new StreamWriter(stream) { AutoFlush = true };
            while (await reader.ReadLineAsync(draining) is { } line)
            {
                await writer.WriteLineAsync(await AnswerAsync(line.Split(' '), cut));
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The caller went, or we are to go.
        }
    }

    private async Task<string> AnswerAsync(string[] words, CancellationToken ct)
    {
        try
        {
            switch (words)
            {
                case ["up", var id, var path]:
                    return $"ok {await calls.UpAsync(id, path, ct)}";
                case ["down", var id]:
                    await calls.DownAsync(id, ct);
                    return "ok";
                case ["ls"]:
                    return $"ok {string.Join(' ', await calls.ListAsync(ct))}".TrimEnd();
                default:
                    return "error: up ID NETNS | down ID | ls";
            }
        }
        catch (CalicoException e) when (e.IsTransient)
        {
            return $"again: {e.Message}";
        }
        catch (CalicoException e)
        {
            return $"error: {(e.Path is null ? "" : $"{e.Path}: ")}{e.Message}";
        }
        catch (OperationCanceledException)
        {
            return "again: the host stops";
        }
    }
}
