using System.Net.Sockets;
using System.Text;

namespace Calico.UnitTests.Cli;

/// <summary>Answers GETs on a unix socket as the host's control API does; a path without an answer gets 404.</summary>
internal sealed class FakeHost : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cli-host").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stop = new();
    private Task _serving = Task.CompletedTask;

    internal string Socket => Path.Combine(_folder, "host.sock");

    /// <summary>Path → status and body, asked at each request.</summary>
    internal Dictionary<string, Func<(int Status, string Body)>> Answers { get; } = [];

    internal FakeHost With(string path, string body, int status = 200)
    {
        Answers[path] = () => (status, body);
        return this;
    }

    internal FakeHost Start()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Socket));
        _listener.Listen();
        _serving = ServeAsync();
        return this;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _listener.Dispose();
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var peer = await _listener.AcceptAsync(_stop.Token);
                await using var stream = new NetworkStream(peer);
                using var reader = new StreamReader(stream, leaveOpen: true);
                var request = await reader.ReadLineAsync(_stop.Token) ?? "";
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 })
                {
                }

                var (status, body) = Answers.TryGetValue(request.Split(' ')[1], out var answer) ? answer() : (404, "no such path");
                // In two chunks, as Kestrel sends what it did not measure.
                var (first, second) = (body[..(body.Length / 2)], body[(body.Length / 2)..]);
                await stream.WriteAsync(Encoding.UTF8.GetBytes(
                    $"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\nConnection: "
                        + $"close\r\n\r\n{Chunk(first)}{Chunk(second)}0\r\n\r\n"), _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
    }

    // An empty chunk would be the end.
    private static string Chunk(string text) => text.Length == 0 ? "" : $"{Encoding.UTF8.GetByteCount(text):x}\r\n{text}\r\n";
}
