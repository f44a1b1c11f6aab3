using System.Net.Sockets;
using System.Runtime.InteropServices;
using Calico.Shim.Wire;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>The host's end of one <c>calico_mesos</c>: a request in, a reply out.</summary>
internal sealed class NetModulesConnection(Socket socket) : IDisposable
{
    // asm-generic/socket.h
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    /// <summary>The user at the other end when it connected (unix(7)).</summary>
    public int PeerUserId
    {
        get
        {
            // struct ucred: pid, uid, gid.
            Span<byte> credentials = stackalloc byte[12];
            socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
            return MemoryMarshal.Read<int>(credentials[4..]);
        }
    }

    /// <returns>Null: closed without a word.</returns>
    public async Task<ShimRequest?> ReceiveAsync(CancellationToken ct)
    {
        var header = new byte[Frame.HeaderLength];
        if (await FillAsync(header, mayEnd: true, ct) == 0)
        {
            return null;
        }

        var (kind, length) = Frame.ReadHeader(header);
        if (kind != FrameKind.Request)
        {
            throw new WireFormatException($"a frame of kind {kind} where a request was due");
        }

        var payload = new byte[length];
        await FillAsync(payload, mayEnd: false, ct);
        return ShimRequest.Read(payload);
    }

    /// <summary>Whether the other end is closed, so that nobody is left to read a reply.</summary>
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

    public async Task ReplyAsync(ShimReply reply, CancellationToken ct)
    {
        for (var frame = reply.ToFrame(); !frame.IsEmpty;)
        {
            frame = frame[await socket.SendAsync(frame, ct)..];
        }
    }

    public void Dispose() => socket.Dispose();

    private async Task<int> FillAsync(Memory<byte> buffer, bool mayEnd, CancellationToken ct)
    {
        var filled = 0;
        while (filled < buffer.Length)
        {
            var read = await socket.ReceiveAsync(buffer[filled..], ct);
            if (read == 0)
            {
                return filled == 0 && mayEnd ? 0 : throw new WireFormatException("the connection ended in the middle of a frame");
            }

            filled += read;
        }

        return filled;
    }
}
