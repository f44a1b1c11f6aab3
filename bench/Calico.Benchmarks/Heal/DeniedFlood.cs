using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Calico.Linux.Namespaces;

namespace Calico.Benchmarks.Heal;

/// <summary>Datagrams that policy denies, one after the other, and how many arrive all the same.</summary>
public sealed class DeniedFlood : IDisposable
{
    /// <summary>Between two of them.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMicroseconds(100);

    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _client;
    private readonly Socket _server;
    private readonly Thread _sending;
    private readonly Thread _receiving;
    private long _sent;
    private long _arrived;

    public DeniedFlood(NamespaceBroker broker, NetworkNamespaceFile from, NetworkNamespaceFile to, IPEndPoint there)
    {
        _client = broker.Run(from, () => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        _server = broker.Run(to, () => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        _server.Bind(new IPEndPoint(IPAddress.Any, there.Port));
        _server.ReceiveTimeout = 100;
        _client.Connect(there);
        (_sending, _receiving) = (new(Send), new(Receive));
        _sending.Start();
        _receiving.Start();
    }

    public long Sent => Volatile.Read(ref _sent);

    public long Arrived => Volatile.Read(ref _arrived);

    public void Dispose()
    {
        _stop.Cancel();
        _sending.Join();
        _receiving.Join();
        _client.Dispose();
        _server.Dispose();
        _stop.Dispose();
    }

    private void Send()
    {
        for (var next = Stopwatch.GetTimestamp(); !_stop.IsCancellationRequested; next += (long)(Pause.TotalSeconds * Stopwatch.Frequency))
        {
            try
            {
                _client.Send("x"u8);
                Interlocked.Increment(ref _sent);
            }
            catch (SocketException)
            {
                // Its neighbour's link is gone for a moment, or nobody listens: it is one that did not arrive.
            }

            next = Math.Max(next, Stopwatch.GetTimestamp() - Stopwatch.Frequency / 1000);
            while (Stopwatch.GetTimestamp() < next)
            {
                Thread.Sleep(0);
            }
        }
    }

    private void Receive()
    {
        var buffer = new byte[16];
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                _server.Receive(buffer);
                Interlocked.Increment(ref _arrived);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
            {
                // Nothing arrived, as it should be.
            }
        }
    }
}
