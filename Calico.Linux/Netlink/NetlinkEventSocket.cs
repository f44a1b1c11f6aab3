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

    /// <summary>The kernel counts about 800 bytes an event, and takes twice what is asked.</summary>
    private const int DefaultBufferBytes = 8 * 1024 * 1024;

    private readonly SafeSocketHandle _handle;
    private readonly Socket _socket;
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(ReceiveBufferLength);
    private readonly byte[] _peeked = new byte[1];

    private NetlinkEventSocket(SafeSocketHandle handle)
    {
        _handle = handle;
        _socket = new Socket(handle);
    }

    /// <summary>Opens a socket in the network namespace of the calling thread and joins groups.</summary>
    /// <param name="family">Which protocol.</param>
    /// <param name="groups">Group numbers, not masks.</param>
    /// <param name="bufferBytes">Receive buffer: how many events may wait before some are lost; 0 is 8 MiB (or the
    /// system's limit, without CAP_NET_ADMIN).</param>
    public static NetlinkEventSocket Open(NetlinkFamily family, ReadOnlySpan<int> groups, int bufferBytes = 0)
    {
        var handle = new SafeSocketHandle(NetlinkCalls.Open(family), ownsHandle: true);
        try
        {
            // Bound by ourselves and before the framework sees it: it knows no address of this kind.
            NetlinkCalls.Bind(handle);
            NetlinkCalls.SetBuffers(handle, bufferBytes == 0 ? DefaultBufferBytes : bufferBytes);
            foreach (var group in groups)
            {
                NetlinkCalls.SetOption(handle, LibC.SOL_NETLINK, LibC.NETLINK_ADD_MEMBERSHIP, group, $"join group {group} of {family}");
            }

            return new NetlinkEventSocket(handle);
        }
        catch (NetlinkException)
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Has the kernel leave out what these sockets' requests did from now on. Replaces what was given before.</summary>
    /// <param name="ports"><see cref="NetlinkSocket.PortId"/> of each.</param>
    public void IgnoreDoingsOf(params ReadOnlySpan<uint> ports) => NetlinkCalls.DropNoticesOf(_handle, ports);

    /// <summary>Sends requests whose answers come like any other datagram: for protocols that send their events to whoever asked.</summary>
    internal void Send(ReadOnlySpan<byte> messages, string request) => NetlinkCalls.Send(_handle, messages, request);

    /// <summary>Waits for the next datagram. The memory is valid until the next call.</summary>
    /// <exception cref="NetlinkOverrunException">Events were lost, also those that waited: read the state anew, then go on receiving.
    /// </exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var length = NetlinkCalls.Receive(_handle, _received, LibC.MSG_DONTWAIT);
            switch ((Errno)(-length))
            {
                case Errno.TryAgain:
                    await WaitAsync(cancellationToken);
                    continue;
                case Errno.NoBufferSpace or Errno.MessageSize:
                    throw Overrun();
                default:
                    return length >= 0 ? _received.AsMemory(0, length) : throw new NetlinkException(-length, "receive events");
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Throws away what is still queued, and makes the exception.</summary>
    /// <remarks>After an overflow the kernel drops every event, and says so no second time, until the queue has been read empty
    /// (NETLINK_S_CONGESTED). Whoever read the state anew before that would miss what changed afterwards.</remarks>
    private NetlinkOverrunException Overrun()
    {
        int length;
        do
        {
            length = NetlinkCalls.Receive(_handle, _received, LibC.MSG_DONTWAIT);
        }
        while (length >= 0 || (Errno)(-length) is Errno.NoBufferSpace or Errno.MessageSize);
        return new NetlinkOverrunException("receive events");
    }

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _socket.ReceiveAsync(_peeked, SocketFlags.Peek, cancellationToken);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.NoBufferSpaceAvailable)
        {
            throw Overrun();
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.MessageSize)
        {
            // The peek was shorter than the datagram, as meant: there is something to read.
        }
    }
}
