using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Calico.SystemTests.Soak;

/// <summary>One TCP connection between two workloads that may talk: a number there and back, twenty times a second, for its whole life.
/// </summary>
internal sealed class Conversation : IAsyncDisposable
{
    private const int Port = 5000;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly Socket _listener;
    private readonly Socket _client;
    private readonly CancellationTokenSource _end = new();
    private Task _work = Task.CompletedTask;
    private long _longest;

    private Conversation(Workload from, Workload to)
    {
        Name = $"{from.Name} to {to.Name}";
        _listener = to.Open(SocketType.Stream, ProtocolType.Tcp);
        _client = from.Open(SocketType.Stream, ProtocolType.Tcp);
    }

    public string Name { get; }

    public int Exchanged { get; private set; }

    /// <summary>What ended it before it was told to end; null: nothing did.</summary>
    public string? Broken { get; private set; }

    /// <summary>The longest time without an answer since this was asked last.</summary>
    public TimeSpan TakeLongest() => TimeSpan.FromMilliseconds(Interlocked.Exchange(ref _longest, 0));

    public static async Task<Conversation> StartAsync(Workload from, Workload to)
    {
        var conversation = new Conversation(from, to);
        conversation._listener.Bind(new IPEndPoint(to.Address, Port));
        conversation._listener.Listen();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var accepting = conversation._listener.AcceptAsync(limit.Token);
        await conversation._client.ConnectAsync(new IPEndPoint(to.Address, Port), limit.Token);
        var server = await accepting;
        conversation._work = Task.WhenAll(conversation.AnswerAsync(server), conversation.AskAsync());
        return conversation;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _work;
        _client.Dispose();
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task AskAsync()
    {
        var message = new byte[8];
        try
        {
            for (long number = 1; ; number++)
            {
                var clock = Stopwatch.GetTimestamp();
                BinaryPrimitives.WriteInt64LittleEndian(message, number);
                await _client.SendAsync(message, _end.Token);
                await ReadWholeAsync(_client, message);
                if (BinaryPrimitives.ReadInt64LittleEndian(message) != number)
                {
                    throw new InvalidDataException($"another number than {number} came back");
                }

                Exchanged++;
                var waited = (long)Stopwatch.GetElapsedTime(clock).TotalMilliseconds;
                if (waited > Interlocked.Read(ref _longest))
                {
                    Interlocked.Exchange(ref _longest, waited);
                }

                await Task.Delay(Pause, _end.Token);
            }
        }
        catch (Exception e) when (e is SocketException or InvalidDataException)
        {
            Broken = e.Message;
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // Told to end.
        }
    }

    private async Task AnswerAsync(Socket server)
    {
        using var _ = server;
        var message = new byte[8];
        try
        {
            while (true)
            {
                await ReadWholeAsync(server, message);
                await server.SendAsync(message, _end.Token);
            }
        }
        catch (Exception e) when (e is SocketException or InvalidDataException)
        {
            // The asking side tells how it ended.
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // Told to end.
        }
    }

    private async Task ReadWholeAsync(Socket socket, byte[] message)
    {
        for (var read = 0; read < message.Length;)
        {
            var more = await socket.ReceiveAsync(message.AsMemory(read), _end.Token);
            read += more == 0 ? throw new InvalidDataException("the other side closed the connection") : more;
        }
    }
}
