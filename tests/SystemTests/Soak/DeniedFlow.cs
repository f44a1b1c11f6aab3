using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Calico.SystemTests.Soak;

/// <summary>One UDP flow, always the same two ports, between two workloads that may not talk: every packet has a number, and the
/// receiver notes each one that it should never have seen.</summary>
internal sealed class DeniedFlow : IAsyncDisposable
{
    private const int Port = 6000;
    private const int SourcePort = 6001;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly Socket _receiver;
    private readonly Socket _sender;
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<long> _arrived = [];
    private readonly Task _work;

    public DeniedFlow(Workload from, Workload to)
    {
        Name = $"{from.Name} to {to.Name}";
        _receiver = to.Open(SocketType.Dgram, ProtocolType.Udp);
        _receiver.Bind(new IPEndPoint(to.Address, Port));
        _sender = from.Open(SocketType.Dgram, ProtocolType.Udp);
        _sender.Bind(new IPEndPoint(from.Address, SourcePort));
        _work = Task.WhenAll(SendAsync(new IPEndPoint(to.Address, Port)), ReceiveAsync());
    }

    public string Name { get; }

    public long Sent { get; private set; }

    /// <summary>When packets arrived, by <see cref="Stopwatch.GetTimestamp"/>.</summary>
    public IReadOnlyCollection<long> Arrived => _arrived;

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _work;
        _sender.Dispose();
        _receiver.Dispose();
        _end.Dispose();
    }

    private async Task SendAsync(IPEndPoint to)
    {
        var packet = new byte[8];
        while (!_end.IsCancellationRequested)
        {
            BinaryPrimitives.WriteInt64LittleEndian(packet, Sent);
            try
            {
                await _sender.SendToAsync(packet, to, _end.Token);
                Sent++;
                await Task.Delay(Pause, _end.Token);
            }
            catch (SocketException)
            {
                // An ICMP answer to an earlier packet, or a link that is down: the flow goes on.
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task ReceiveAsync()
    {
        var packet = new byte[64];
        try
        {
            while (true)
            {
                await _receiver.ReceiveFromAsync(packet, new IPEndPoint(IPAddress.Any, 0), _end.Token);
                _arrived.Enqueue(Stopwatch.GetTimestamp());
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // Told to end.
        }
    }
}
