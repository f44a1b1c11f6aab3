using System.Net.Sockets;
using Calico;
using Microsoft.Extensions.Hosting;

namespace Acme;

/// <summary>One line in, one line out, until the caller closes.</summary>
internal sealed class LineServer(IListeners listeners, IPluginLifetime life, Calls calls) : BackgroundService
{
    public const string ListenerName = "api";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var draining = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, life.Draining);
        using var socket = listeners.Take(ListenerName);
        var serving = new HashSet<Task>();
        try
        {
            while (true)
            {
                var client = await socket.AcceptAsync(draining.Token);
                serving.RemoveWhere(t => t.IsCompleted);
                serving.Add(ServeAsync(client, draining.Token, stoppingToken));
            }
        }
        catch (OperationCanceledException) when (draining.IsCancellationRequested)
        {
            // Told to go: calls that are being served end first.
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
                await writer.WriteLineAsync(await AnswerAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), cut));
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
                    return $"ok {string.Join(' ', (await calls.ListAsync(ct)).Select(w => $"{w.Id}={w.Address}"))}".TrimEnd();
                default:
                    return "error: up ID NETNS | down ID | ls";
            }
        }
        catch (CalicoException e)
        {
            // The contract's words in the protocol's: what can be tried again is told from what cannot.
            return e.Problem is Problem.Unavailable ? $"again: {e.Message}" : $"error: {e.Message}";
        }
    }
}
