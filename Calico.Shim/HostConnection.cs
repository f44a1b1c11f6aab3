using System.Text;
using Calico.Shim.Wire;

namespace Calico.Shim;

/// <summary>One connection to the host: a request out, delegates in between, a reply back.</summary>
internal static unsafe class HostConnection
{
    public const string DefaultPath = "/run/calico/cni.sock";

    /// <summary>How long an absent host is waited for: a restart of the host takes 0.4 s, an upgrade a little more.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private const int PauseMilliseconds = 20;

    /// <summary>Bytes of <c>sun_path</c> without its final zero, unix(7).</summary>
    private const int MaxPath = 107;

    /// <summary>Asks the host. Every verb is idempotent there, so a connection that broke before a reply is simply tried again, unless a
    /// delegate has run: delegates promise nothing.</summary>
    /// <param name="path">The host's socket.</param>
    /// <param name="request">A <see cref="ShimRequest"/> frame.</param>
    /// <param name="networkNamespace">Sent along, or −1.</param>
    /// <param name="deadline">When a host that is there and does not answer is given up.</param>
    /// <param name="trouble">Why there is no reply.</param>
    public static ShimReply? Ask(string path, ReadOnlySpan<byte> request, int networkNamespace, Deadline deadline, out string trouble) =>
        Ask(path, request, request, networkNamespace, deadline, out trouble);

    /// <summary>Likewise, where the host has to know that it may have done the call already.</summary>
    /// <param name="path">As above.</param>
    /// <param name="request">What is sent until a host has had it.</param>
    /// <param name="repeated">What is sent from then on.</param>
    /// <param name="networkNamespace">As above.</param>
    /// <param name="deadline">As above.</param>
    /// <param name="trouble">As above.</param>
    public static ShimReply? Ask(string path, ReadOnlySpan<byte> request, ReadOnlySpan<byte> repeated, int networkNamespace,
        Deadline deadline, out string trouble)
    {
        var wasSent = false;
        while (true)
        {
            var delegateRan = false;
            var reply = AskOnce(path, wasSent ? repeated : request, networkNamespace, deadline, ref delegateRan, ref wasSent, out trouble);
            if (reply is not null || delegateRan || deadline.IsOver || deadline.Elapsed >= Patience)
            {
                return reply;
            }

            Libc.Poll(null, 0, PauseMilliseconds);
        }
    }

    private static ShimReply? AskOnce(string path, ReadOnlySpan<byte> request, int networkNamespace, Deadline deadline,
        ref bool delegateRan,
        ref bool wasSent, out string trouble)
    {
        var socket = Libc.Socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0);
        if (socket < 0)
        {
            trouble = $"no socket (errno {Libc.LastError})";
            return null;
        }

        try
        {
            if (!Connect(socket, path, deadline))
            {
                // EAGAIN: it waited in the backlog of one that takes no connections. Whatever else: there is none.
                trouble = deadline.IsOver && Libc.LastError == Libc.EAGAIN ? Stuck(deadline)
                    : $"cannot connect to {path} (errno {Libc.LastError})";
                return null;
            }

            return Exchange(socket, request, networkNamespace, deadline, ref delegateRan, ref wasSent, out trouble);
        }
        catch (WireFormatException e)
        {
            trouble = e.Message;
            return null;
        }
        finally
        {
            Libc.Close(socket);
        }
    }

    private static ShimReply? Exchange(int socket, ReadOnlySpan<byte> request, int networkNamespace, Deadline deadline,
        ref bool delegateRan,
        ref bool wasSent, out string trouble)
    {
        trouble = "";
        if (!Send(socket, request, networkNamespace, deadline))
        {
            trouble = deadline.IsOver ? Stuck(deadline) : $"the request could not be sent (errno {Libc.LastError})";
            return null;
        }

        wasSent = true;
        while (Receive(socket, deadline) is var (kind, payload))
        {
            switch (kind)
            {
                case FrameKind.Reply:
                    return ShimReply.Read(payload);
                case FrameKind.RunDelegate:
                    delegateRan = true;
                    // A host that gave up meanwhile has closed its end; what it said last is still to be read, so a failed send is
                    // noticed by the read.
                    Send(socket, DelegateProcess.Run(DelegateRequest.Read(payload), DelegateTime(deadline)).ToFrame().Span, -1, deadline);
                    break;
                default:
                    throw new WireFormatException($"a frame of kind {kind} from the host");
            }
        }

        trouble = deadline.IsOver ? Stuck(deadline) : "the host closed the connection before it answered";
        return null;
    }

    private static string Stuck(Deadline deadline) =>
        $"the host did not answer within {deadline.Limit.TotalSeconds:0} s; is its process stopped (systemctl status calico-host)?";

    /// <summary>A little less than what is left, so that the host can still answer what came of it.</summary>
    private static Deadline DelegateTime(Deadline deadline) => new(deadline.Left - (deadline.Limit / 10));

    private static bool Connect(int socket, string path, Deadline deadline)
    {
        if (Encoding.UTF8.GetByteCount(path) > MaxPath)
        {
            return false;
        }
        // struct sockaddr_un: family (u16), path (108).
        var address = stackalloc byte[110];
        *(ushort*)address = Libc.AF_UNIX;
        var length = Encoding.UTF8.GetBytes(path, new Span<byte>(address + 2, MaxPath));
        address[2 + length] = 0;

        // A host that is stopped takes no connections: its backlog fills, and then this waits.
        SetTimeout(socket, Libc.SO_SNDTIMEO, deadline);
        return Libc.Connect(socket, address, (uint)(3 + length)) == 0;
    }

    private static void SetTimeout(int socket, int which, Deadline deadline)
    {
        // struct timeval; zero would mean for ever.
        var left = Math.Max((long)deadline.Left.TotalMicroseconds, 1);
        var timeout = stackalloc long[2] { left / 1_000_000, left % 1_000_000 };
        Libc.SetOption(socket, Libc.SOL_SOCKET, which, timeout, 16);
    }

    private static bool Send(int socket, ReadOnlySpan<byte> frame, int descriptor, Deadline deadline)
    {
        SetTimeout(socket, Libc.SO_SNDTIMEO, deadline);
        fixed (byte* start = frame)
        {
            var sent = 0;
            while (sent < frame.Length)
            {
                var vector = new Libc.IoVector { Base = start + sent, Length = (nuint)(frame.Length - sent) };
                var message = new Libc.MessageHeader { Vectors = &vector, VectorCount = 1 };
                var control = new Libc.DescriptorControl { Length = 20, Level = Libc.SOL_SOCKET, Type = Libc.SCM_RIGHTS,
                    Descriptor = descriptor };
                if (sent == 0 && descriptor >= 0)
                {
                    message.Control = &control;
                    message.ControlLength = (nuint)sizeof(Libc.DescriptorControl);
                }

                var count = Libc.SendMessage(socket, &message, Libc.MSG_NOSIGNAL);
                if (count >= 0)
                {
                    sent += (int)count;
                }
                else if (Libc.LastError != Libc.EINTR)
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static (FrameKind Kind, byte[] Payload)? Receive(int socket, Deadline deadline)
    {
        var header = stackalloc byte[Frame.HeaderLength];
        if (!ReadExactly(socket, header, Frame.HeaderLength, deadline))
        {
            return null;
        }

        var (kind, length) = Frame.ReadHeader(new ReadOnlySpan<byte>(header, Frame.HeaderLength));
        var payload = new byte[length];
        fixed (byte* start = payload)
        {
            return ReadExactly(socket, start, length, deadline) ? (kind, payload) : null;
        }
    }

    private static bool ReadExactly(int socket, byte* buffer, int count, Deadline deadline)
    {
        var read = 0;
        while (read < count)
        {
            SetTimeout(socket, Libc.SO_RCVTIMEO, deadline);
            var got = Libc.Read(socket, buffer + read, (nuint)(count - read));
            if (got > 0)
            {
                read += (int)got;
            }
            else if (got == 0 || Libc.LastError != Libc.EINTR)
            {
                return false;
            }
        }

        return true;
    }
}
