using System.Net.Sockets;
using System.Runtime.InteropServices;
using Calico.Shim.Wire;
using Microsoft.Win32.SafeHandles;

namespace Calico.Plugins.Cni;

/// <summary>The host's end of one shim's connection. Used by one task.</summary>
internal sealed class ShimConnection(Socket socket) : IDelegateRunner, IDisposable
{
    private const int SOL_SOCKET = 1;
    private const int SO_PEERCRED = 17;              // asm-generic/socket.h

    /// <summary>Takes most requests in the one read that can carry the descriptor.</summary>
    private const int FirstRead = 16 * 1024;

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(20);

    /// <summary>The user at the other end when it connected (unix(7)).</summary>
    public int PeerUserId
    {
        get
        {
            // struct ucred: pid, uid, gid.
            Span<byte> credentials = stackalloc byte[12];
            socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, credentials);
            return MemoryMarshal.Read<int>(credentials[4..]);
        }
    }

    /// <returns>Null: closed without a word.</returns>
    public async Task<(ShimRequest Request, SafeFileHandle? Namespace)?> ReceiveRequestAsync(CancellationToken ct)
    {
        var buffer = new byte[FirstRead];
        SafeFileHandle? descriptor;
        int read;
        // The shim sends right after it connects, so the first try mostly succeeds; an empty receive waits for bytes and takes none.
        while ((read = DescriptorReceiver.Receive(socket, buffer, out descriptor)) < 0)
        {
            await socket.ReceiveAsync(Memory<byte>.Empty, ct);
        }

        if (read == 0)
        {
            return null;
        }

        try
        {
            var (kind, payload) = await CompleteAsync(buffer.AsMemory(0, read), ct);
            if (kind != FrameKind.Request)
            {
                throw new WireFormatException($"a frame of kind {kind} where a request was due");
            }

            return (ShimRequest.Read(payload), descriptor);
        }
        catch
        {
            descriptor?.Dispose();
            throw;
        }
    }

    /// <summary>Whether the other end is closed, so that nobody is left to read an answer.</summary>
    public bool IsPeerGone()
    {
        Span<byte> one = stackalloc byte[1];
        try
        {
            return socket.Poll(TimeSpan.Zero, SelectMode.SelectRead) && socket.Receive(one, SocketFlags.Peek) == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    /// <summary>Returns when the other end is closed. May run beside a delegate's call, and beside the reply: it takes no bytes.</summary>
    /// <returns>Whether it had read all that was sent to it: a close with bytes unread is a reset (unix_release_sock in
    /// net/unix/af_unix.c).</returns>
    public async Task<bool> UntilPeerIsGoneAsync(TimeProvider time, CancellationToken ct)
    {
        var one = new byte[1];
        try
        {
            while (await socket.ReceiveAsync(one, SocketFlags.Peek, ct) > 0)
            {
                // A delegate's outcome, which its reader takes in a moment.
                await Task.Delay(LookAgain, time, ct);
            }

            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public async Task ReplyAsync(ShimReply reply, CancellationToken ct) => await SendAsync(reply.ToFrame(), ct);

    public async Task<DelegateOutcome> RunAsync(DelegateRequest request, CancellationToken ct)
    {
        await SendAsync(request.ToFrame(), ct);
        var (kind, payload) = await CompleteAsync(Memory<byte>.Empty, ct);
        return kind == FrameKind.DelegateOutcome
            ? DelegateOutcome.Read(payload)
            : throw new WireFormatException($"a frame of kind {kind} where a delegate's outcome was due");
    }

    public void Dispose() => socket.Dispose();

    private async Task SendAsync(ReadOnlyMemory<byte> frame, CancellationToken ct)
    {
        while (!frame.IsEmpty)
        {
            frame = frame[await socket.SendAsync(frame, ct)..];
        }
    }

    /// <summary>Reads the rest of a frame of which <paramref name="start"/> is there.</summary>
    private async Task<(FrameKind Kind, ReadOnlyMemory<byte> Payload)> CompleteAsync(Memory<byte> start, CancellationToken ct)
    {
        if (start.Length < Frame.HeaderLength)
        {
            var header = new byte[Frame.HeaderLength];
            start.CopyTo(header);
            await FillAsync(header.AsMemory(start.Length), ct);
            start = header;
        }

        var (kind, length) = Frame.ReadHeader(start.Span);
        var have = start[Frame.HeaderLength..];
        if (have.Length > length)
        {
            throw new WireFormatException($"{have.Length - length} bytes after a frame");
        }

        if (have.Length == length)
        {
            return (kind, have);
        }

        var payload = new byte[length];
        have.CopyTo(payload);
        await FillAsync(payload.AsMemory(have.Length), ct);
        return (kind, payload);
    }

    private async Task FillAsync(Memory<byte> rest, CancellationToken ct)
    {
        while (!rest.IsEmpty)
        {
            var read = await socket.ReceiveAsync(rest, ct);
            if (read == 0)
            {
                throw new WireFormatException("the connection ended in the middle of a frame");
            }

            rest = rest[read..];
        }
    }
}
