using System.Runtime.ExceptionServices;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Netlink;

/// <summary>A blocking socket for requests and their answers.</summary>
/// <remarks>
/// Facts it rests on:
/// the kernel works off a request inside sendmsg, so an ack waits in the receive queue before the call returns;
/// answers are matched by sequence, so what was left over from a request that failed half-way is skipped;
/// only port 0 is the kernel;
/// a socket belongs to the network namespace of the thread that opened it, for ever, and keeps that namespace alive.
/// One thread at a time.
/// </remarks>
public sealed class NetlinkSocket : IDisposable
{
    /// <summary>The kernel never sends a larger datagram on a dump (32 KiB), nor in an ack (capped).</summary>
    private const int DumpLength = 64 * 1024;

    /// <summary>Holds an ack with its text, and a veth link (1.5 KiB) or two.</summary>
    private const int AnswerLength = 8 * 1024;

    /// <summary>Attempts at a dump that changes keep interrupting.</summary>
    private const int DumpAttempts = 8;

    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    private readonly SafeFileHandle _handle;
    private readonly byte[] _received;
    private readonly TimeSpan _timeout;
    private uint _sequence;

    /// <param name="handle">Owned from now on.</param>
    /// <param name="timeout">That the handle has, for messages.</param>
    /// <param name="receiveLength">Bytes of the largest datagram that is expected.</param>
    internal NetlinkSocket(SafeFileHandle handle, TimeSpan timeout, int receiveLength)
    {
        _received = GC.AllocateUninitializedArray<byte>(receiveLength);
        _handle = handle;
        _timeout = timeout;
    }

    /// <summary>Opens a socket in the network namespace of the calling thread.</summary>
    /// <param name="family">Which protocol.</param>
    /// <param name="receiveTimeout">How long to wait for an answer; 30 s when null. (A set-up of a large ruleset takes tens of
    /// seconds inside sendmsg, which this does not limit.)</param>
    /// <param name="bufferBytes">Send and receive buffers, forced past the system's limits with CAP_NET_ADMIN, up to them without; 0 leaves
    /// them.</param>
    /// <param name="isBrief">For single objects only, no dumps: a smaller buffer.</param>
    public static NetlinkSocket Open(NetlinkFamily family, TimeSpan? receiveTimeout = null, int bufferBytes = 0, bool isBrief = false)
    {
        var timeout = receiveTimeout ?? DefaultTimeout;
        var handle = new SafeFileHandle(NetlinkCalls.Open(family), ownsHandle: true);
        try
        {
            NetlinkCalls.Bind(handle);
            NetlinkCalls.SetReceiveTimeout(handle, timeout);
            NetlinkCalls.SetOption(handle, LibC.SOL_NETLINK, LibC.NETLINK_EXT_ACK, 1, "ask for the kernel's error texts");
            NetlinkCalls.SetOption(handle, LibC.SOL_NETLINK, LibC.NETLINK_CAP_ACK, 1, "ask for short acks");
            if (bufferBytes > 0)
            {
                NetlinkCalls.SetBuffers(handle, bufferBytes);
            }

            return new NetlinkSocket(handle, timeout, isBrief ? AnswerLength : DumpLength);
        }
        catch (NetlinkException)
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>What the kernel calls this socket, in the notices of what it did.</summary>
    public uint PortId => NetlinkCalls.PortOf(_handle);

    /// <summary>Asks the kernel to filter dumps by the header's fields (NETLINK_GET_STRICT_CHK, since 4.20).</summary>
    public void FilterDumpsInKernel() =>
        NetlinkCalls.SetOption(_handle, LibC.SOL_NETLINK, LibC.NETLINK_GET_STRICT_CHK, 1, "ask for strict dump requests");

    /// <summary>A number for the next request; never 0, which events carry.</summary>
    public uint NextSequence()
    {
        if (++_sequence == 0)
        {
            _sequence = 1;
        }

        return _sequence;
    }

    /// <summary>Numbers for a batch: the returned one and those after it, without a wrap between.</summary>
    public uint ReserveSequences(int count)
    {
        // Within a batch answers are placed by subtraction, so it starts over rather than wrap in the middle.
        if (_sequence >= uint.MaxValue - (uint)count)
        {
            _sequence = 0;
        }

        var first = _sequence + 1;
        _sequence += (uint)count;
        return first;
    }

    /// <summary>Sends whole messages in one sendmsg.</summary>
    public void Send(ReadOnlySpan<byte> messages, string request) => NetlinkCalls.Send(_handle, messages, request);

    /// <summary>Waits for the next datagram. The span is valid until the next receive.</summary>
    public ReadOnlySpan<byte> Receive(string request)
    {
        var length = NetlinkCalls.Receive(_handle, _received, 0);
        return length >= 0 ? _received.AsSpan(0, length) : throw ReceiveFailure(-length, request);
    }

    /// <summary>The next datagram if one is there already.</summary>
    public bool TryReceive(string request, out ReadOnlySpan<byte> datagram)
    {
        var length = NetlinkCalls.Receive(_handle, _received, LibC.MSG_DONTWAIT);
        datagram = length >= 0 ? _received.AsSpan(0, length) : [];
        if (length >= 0)
        {
            return true;
        }

        return length == -(int)Errno.TryAgain ? false : throw ReceiveFailure(-length, request);
    }

    /// <summary>Sends one GET message (without NLM_F_ACK) and hands its one answer to <paramref name="visit"/>.</summary>
    /// <exception cref="NetlinkException">The kernel refused, for example <see cref="Errno.NoDevice"/>.</exception>
    public void Ask(NetlinkWriter request, uint sequence, string what, NetlinkVisitor visit)
    {
        Send(request.Written, what);
        while (true)
        {
            var reader = new NetlinkReader(Receive(what));
            while (reader.TryRead(out var message))
            {
                if (message.Sequence != sequence)
                {
                    continue;
                }

                if (message.Type == NetlinkMessage.Error)
                {
                    var answer = KernelAnswer.Read(message);
                    throw new NetlinkException(answer.Errno, what, answer.Text);
                }

                visit(message);
                return;
            }
        }
    }

    /// <summary>Sends one message with NLM_F_ACK and waits for its ack.</summary>
    public void Acknowledge(NetlinkWriter request, uint sequence, string what)
    {
        Send(request.Written, what);
        while (true)
        {
            var reader = new NetlinkReader(Receive(what));
            while (reader.TryRead(out var message))
            {
                if (message.Sequence != sequence || message.Type != NetlinkMessage.Error)
                {
                    continue;
                }

                var answer = KernelAnswer.Read(message);
                if (answer.Errno != 0)
                {
                    throw new NetlinkException(answer.Errno, what, answer.Text);
                }

                return;
            }
        }
    }

    /// <summary>Sends a dump request and hands every message of the answer to <paramref name="visit"/>.</summary>
    /// <exception cref="NetlinkInterruptedException">What was dumped changed meanwhile; the visited messages are not a snapshot.
    /// </exception>
    public void Dump(NetlinkWriter request, uint sequence, string what, NetlinkVisitor visit)
    {
        Send(request.Written, what);
        var interrupted = false;
        ExceptionDispatchInfo? damaged = null;

        // Read to the end in any case: the kernel refuses the next dump (EBUSY) while this one runs.
        while (true)
        {
            var reader = new NetlinkReader(Receive(what));
            while (reader.TryRead(out var message))
            {
                if (message.Sequence != sequence)
                {
                    continue;
                }

                interrupted |= (message.Flags & NetlinkFlags.DumpInterrupted) != 0;
                if (message.Type is NetlinkMessage.Done or NetlinkMessage.Error)
                {
                    var answer = KernelAnswer.Read(message);
                    if (answer.Errno == (int)Errno.Interrupted || (answer.Errno == 0 && interrupted))
                    {
                        throw new NetlinkInterruptedException(what);
                    }

                    if (answer.Errno != 0)
                    {
                        throw new NetlinkException(answer.Errno, what, answer.Text);
                    }

                    damaged?.Throw();
                    return;
                }

                try
                {
                    visit(message);
                }
                catch (NetlinkFormatException e)
                {
                    damaged ??= ExceptionDispatchInfo.Capture(e);
                }
            }
        }
    }

    /// <summary>Runs a listing again while changes interrupt it, a few times.</summary>
    /// <exception cref="NetlinkInterruptedException">It was interrupted every time.</exception>
    public static T Retry<T>(Func<T> list)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return list();
            }
            catch (NetlinkInterruptedException) when (attempt < DumpAttempts)
            {
                // The listing is started afresh; what it had collected is dropped with its closure.
            }
        }
    }

    public void Dispose() => _handle.Dispose();

    private NetlinkException ReceiveFailure(int errno, string request) => (Errno)errno switch
    {
        Errno.TryAgain => new NetlinkTimeoutException(request, _timeout),
        Errno.NoBufferSpace => new NetlinkOverrunException(request),
        _ => new NetlinkException(errno, request),
    };
}
