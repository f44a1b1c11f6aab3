using System.Net.Sockets;
using System.Runtime.Versioning;
using Calico.Shim.Wire;

namespace Calico.UnitTests.Cni;

/// <summary>The host's end of the shim's socket, played frame by frame.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class PlayedHost : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly Socket _listening = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public PlayedHost(string path)
    {
        Path = path;
        _listening.Bind(new UnixDomainSocketEndPoint(path));
        _listening.Listen(4);
    }

    public string Path { get; }

    public async Task<PlayedCall> AcceptAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        return new(await _listening.AcceptAsync(limit.Token));
    }

    public void Dispose() => _listening.Dispose();

    /// <summary>One connection.</summary>
    internal sealed class PlayedCall(Socket socket) : IDisposable
    {
        public async Task<(FrameKind Kind, byte[] Payload)> ReceiveAsync()
        {
            var (kind, length) = Frame.ReadHeader(await ReadAsync(Frame.HeaderLength));
            return (kind, await ReadAsync(length));
        }

        public async Task SendAsync(ReadOnlyMemory<byte> frame)
        {
            using var limit = new CancellationTokenSource(Limit);
            while (frame.Length > 0)
            {
                frame = frame[await socket.SendAsync(frame, limit.Token)..];
            }
        }

        /// <summary>Has the shim run a delegate.</summary>
        public async Task<DelegateOutcome> DelegateAsync(DelegateRequest request)
        {
            await SendAsync(request.ToFrame());
            return DelegateOutcome.Read((await ReceiveAsync()).Payload);
        }

        public void Dispose() => socket.Dispose();

        private async Task<byte[]> ReadAsync(int count)
        {
            using var limit = new CancellationTokenSource(Limit);
            var bytes = new byte[count];
            for (var read = 0; read < count;)
            {
                var got = await socket.ReceiveAsync(bytes.AsMemory(read), limit.Token);
                read += got > 0 ? got : throw new EndOfStreamException($"the shim closed after {read} of {count} bytes");
            }

            return bytes;
        }
    }
}
