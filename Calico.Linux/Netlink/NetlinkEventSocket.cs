using System.Net.Sockets;
using Calico.Linux.Interop;

namespace Calico.Linux.Netlink;

/// <summary>Receives what the kernel tells multicast groups, without holding a thread.</summary>
/// <remarks>
/// The framework's <see cref="Socket"/> cannot say who sent a netlink datagram, so it only waits for one to be there
/// (a peek); the read itself is ours and checks the sender. One reader at a time.
/// </remarks>
public sealed class NetlinkEventSocket : IDisposable
{
    /// <summary>nftables packs the notices of one transaction into large datagrams.</summary>
    private const int ReceiveBufferLength = 256 * 1024;

    private const int KernelBufferBytes = 8 * 1024 * 1024;

    private readonly SafeSocketHandle _handle;
    private readonly Socket _socket;
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(ReceiveBufferLength);
    private readonly byte[] _peeked = new byte[1];

    private NetlinkEventSocket(SafeSocketHandle handle)
    {
        _handle = handle;
        _socket = new Socket(handle);
    }

    /// <summary>Opens a socket in the network namespace of the calling thread and joins groups, by number (not mask).</summary>
    public static NetlinkEventSocket Open(NetlinkFamily family, params ReadOnlySpan<int> groups)
    {
        var handle = new SafeSocketHandle(NetlinkCalls.Open(family), ownsHandle: true);
        try
        {
            // Bound by ourselves and before the framework sees it: it knows no address of this kind.
            NetlinkCalls.Bind(handle);
            NetlinkCalls.SetOption(handle, LibC.SOL_SOCKET, LibC.SO_RCVBUFFORCE, KernelBufferBytes, "enlarge the receive buffer");
            foreach (int group in groups)
                NetlinkCalls.SetOption(handle, LibC.SOL_NETLINK, LibC.NETLINK_ADD_MEMBERSHIP, group, $"join group {group} of {family}");
            return new NetlinkEventSocket(handle);
        }
        catch (NetlinkException)
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Waits for the next datagram. The memory is valid until the next call.</summary>
    /// <exception cref="NetlinkOverrunException">Events were lost: read the state anew, then go on receiving.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            int length = NetlinkCalls.Receive(_handle, _received, LibC.MSG_DONTWAIT);
            switch ((Errno)(-length))
            {
                case Errno.TryAgain:
                    await WaitAsync(cancellationToken);
                    continue;
                case Errno.NoBufferSpace or Errno.MessageSize:
                    throw new NetlinkOverrunException("receive events");
                default:
                    return length >= 0 ? _received.AsMemory(0, length) : throw new NetlinkException(-length, "receive events");
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _socket.ReceiveAsync(_peeked, SocketFlags.Peek, cancellationToken);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.NoBufferSpaceAvailable)
        {
            throw new NetlinkOverrunException("receive events");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.MessageSize)
        {
            // The peek was shorter than the datagram, as meant: there is something to read.
        }
    }
}
