using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;

namespace Calico.UnitTests.Docker;

/// <summary>dockerd's API as far as it is asked, on a unix socket: an answer for each path, and a stream of events that a test writes to.
/// </summary>
internal sealed class FakeDockerApi : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-dockerd-");
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource<Socket> _events = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _serving;

    public FakeDockerApi()
    {
        var path = Path.Combine(_folder.FullName, "docker.sock");
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(16);
        Uri = $"unix://{path}";
        _serving = ServeAsync();
    }

    public string Uri { get; }

    /// <summary>JSON by what a path ends with; others are not found.</summary>
    public ConcurrentDictionary<string, string> Answers { get; } = new();

    /// <summary>Paths in the order in which they were asked for, without queries.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>The head of the stream of events is sent when this is done.</summary>
    public TaskCompletionSource EventsMayStand { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task TellAsync(string json)
    {
        var socket = await _events.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await socket.SendAsync(Encoding.UTF8.GetBytes($"{json.Length + 1:x}\r\n{json}\n\r\n"));
    }

    /// <summary>dockerd ends its stream in good order.</summary>
    public async Task EndEventsAsync() => await (await _events.Task).SendAsync("0\r\n\r\n"u8.ToArray());

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        EventsMayStand.TrySetResult();
        _listener.Dispose();
        await _serving.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        if (_events.Task.IsCompletedSuccessfully)
        {
            (await _events.Task).Dispose();
        }

        _ending.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            var socket = await _listener.AcceptAsync(_ending.Token);
            _ = AnswerAsync(socket);
        }
    }

    private async Task AnswerAsync(Socket socket)
    {
        using var reader = new StreamReader(new NetworkStream(socket), leaveOpen: true);
        while (await reader.ReadLineAsync(_ending.Token) is { Length: > 0 } request)
        {
            while (await reader.ReadLineAsync(_ending.Token) is { Length: > 0 })
            {
                // Headers say nothing here.
            }

            var path = request.Split(' ')[1].Split('?')[0];
            Asked.Enqueue(path);
            if (path.EndsWith("/events", StringComparison.Ordinal))
            {
                await EventsMayStand.Task;
                await socket.SendAsync(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray(), _ending.Token);
                _events.TrySetResult(socket);
                return;
            }

            var found = Answers.FirstOrDefault(a => path.EndsWith(a.Key, StringComparison.Ordinal)).Value;
            var (status, body) = found is null ? ("404 Not Found", """{"message":"not there"}""") : ("200 OK", found);
            var head = $"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n";
            await socket.SendAsync(Encoding.UTF8.GetBytes(head + body), _ending.Token);
        }

        socket.Dispose();
    }
}
