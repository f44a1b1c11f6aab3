using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Calico.Linux.Netlink;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Interop;

/// <summary>The socket calls that both the request socket and the event socket make.</summary>
internal static unsafe class NetlinkCalls
{
    /// <summary>The kernel's own port.</summary>
    private const uint KernelPort = 0;

    /// <summary>A bound socket as a plain number; the caller wraps it in the handle it wants.</summary>
    public static int Open(NetlinkFamily family)
    {
        var descriptor = LibC.Socket(LibC.AF_NETLINK, LibC.SOCK_RAW | LibC.SOCK_CLOEXEC, (int)family);
        return descriptor >= 0 ? descriptor : throw Failed($"open a netlink socket of family {family}");
    }

    public static void Bind(SafeHandle socket)
    {
        var address = new LibC.SockAddrNetlink { Family = LibC.AF_NETLINK };
        if (LibC.Bind(socket, &address, (uint)sizeof(LibC.SockAddrNetlink)) != 0)
        {
            throw Failed("bind a netlink socket");
        }
    }

    /// <summary>The number that the kernel gave the socket: the sender in its requests, and in the notices of what they did.</summary>
    public static uint PortOf(SafeHandle socket)
    {
        LibC.SockAddrNetlink address = default;
        var length = (uint)sizeof(LibC.SockAddrNetlink);
        return LibC.GetSocketName(socket, &address, &length) == 0 ? address.PortId : throw Failed("ask for a netlink socket's port");
    }

    /// <summary>Has the kernel drop, before they are queued, notices of what these ports' requests did.</summary>
    /// <remarks>A classic filter sees a datagram from its first nlmsghdr on; every message of a datagram is of one request or
    /// transaction. Loads turn to host order, so the numbers are turned too.</remarks>
    public static void DropNoticesOf(SafeHandle socket, ReadOnlySpan<uint> ports)
    {
        // uapi linux/bpf_common.h; nlmsg_pid is at 12 in struct nlmsghdr (uapi linux/netlink.h).
        const ushort LoadWord = 0x20;       // BPF_LD | BPF_W | BPF_ABS
        const ushort JumpIfEqual = 0x15;    // BPF_JMP | BPF_JEQ | BPF_K
        const ushort Return = 0x06;         // BPF_RET | BPF_K
        const uint SenderOffset = 12;

        Span<LibC.FilterInstruction> program = stackalloc LibC.FilterInstruction[ports.Length + 3];
        program[0] = new(LoadWord, 0, 0, SenderOffset);
        for (var i = 0; i < ports.Length; i++)
        {
            program[i + 1] = new(JumpIfEqual, (byte)(ports.Length - i), 0, BinaryPrimitives.ReverseEndianness(ports[i]));
        }

        program[^2] = new(Return, 0, 0, uint.MaxValue);
        program[^1] = new(Return, 0, 0, 0);
        fixed (LibC.FilterInstruction* first = program)
        {
            var filter = new LibC.FilterProgram { Length = (ushort)program.Length, Instructions = first };
            if (LibC.SetSocketOption(socket, LibC.SOL_SOCKET, LibC.SO_ATTACH_FILTER, &filter, (uint)sizeof(LibC.FilterProgram)) != 0)
            {
                throw Failed("filter the notices of a netlink socket");
            }
        }
    }

    public static void SetOption(SafeHandle socket, int level, int option, int value, string what)
    {
        if (LibC.SetSocketOption(socket, level, option, &value, sizeof(int)) != 0)
        {
            throw Failed(what);
        }
    }

    /// <summary>Past the system's limits where that is allowed, else up to them.</summary>
    public static void SetBuffers(SafeHandle socket, int bytes)
    {
        SetBuffer(socket, LibC.SO_SNDBUFFORCE, LibC.SO_SNDBUF, bytes);
        SetBuffer(socket, LibC.SO_RCVBUFFORCE, LibC.SO_RCVBUF, bytes);
    }

    private static void SetBuffer(SafeHandle socket, int forced, int limited, int bytes)
    {
        if (LibC.SetSocketOption(socket, LibC.SOL_SOCKET, forced, &bytes, sizeof(int)) == 0)
        {
            return;
        }

        if (Marshal.GetLastPInvokeError() != (int)Errno.NotPermitted
            || LibC.SetSocketOption(socket, LibC.SOL_SOCKET, limited, &bytes, sizeof(int)) != 0)
        {
            throw Failed("enlarge the buffers of a netlink socket");
        }
    }

    public static void SetReceiveTimeout(SafeHandle socket, TimeSpan timeout)
    {
        var value = new LibC.TimeValue
        {
            Seconds = (nint)(timeout.Ticks / TimeSpan.TicksPerSecond),
            Microseconds = (nint)(timeout.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond),
        };
        if (LibC.SetSocketOption(socket, LibC.SOL_SOCKET, LibC.SO_RCVTIMEO, &value, (uint)sizeof(LibC.TimeValue)) != 0)
        {
            throw Failed("set the receive timeout of a netlink socket");
        }
    }

    public static void Send(SafeHandle socket, ReadOnlySpan<byte> messages, string request)
    {
        var address = new LibC.SockAddrNetlink { Family = LibC.AF_NETLINK };
        fixed (byte* content = messages)
        {
            var vector = new LibC.IoVector { Base = content, Length = (nuint)messages.Length };
            var message = new LibC.MessageHeader
            {
                Name = &address,
                NameLength = (uint)sizeof(LibC.SockAddrNetlink),
                Vectors = &vector,
                VectorCount = 1,
            };
            nint sent;
            do
            {
                sent = LibC.SendMessage(socket, &message, 0);
            }
            while (sent < 0 && Marshal.GetLastPInvokeError() == (int)Errno.Interrupted);
            if (sent != messages.Length)
            {
                throw Failed(request);
            }
        }
    }

    /// <summary>Receives one datagram that the kernel itself sent. Returns its length, or minus the errno.</summary>
    /// <remarks>Others with CAP_NET_ADMIN can send to our port; what does not come from port 0 is dropped here.</remarks>
    public static int Receive(SafeHandle socket, Span<byte> buffer, int flags)
    {
        fixed (byte* content = buffer)
        {
            while (true)
            {
                LibC.SockAddrNetlink sender = default;
                var vector = new LibC.IoVector { Base = content, Length = (nuint)buffer.Length };
                var message = new LibC.MessageHeader
                {
                    Name = &sender,
                    NameLength = (uint)sizeof(LibC.SockAddrNetlink),
                    Vectors = &vector,
                    VectorCount = 1,
                };
                var received = LibC.ReceiveMessage(socket, &message, flags);
                if (received < 0)
                {
                    var errno = Marshal.GetLastPInvokeError();
                    if (errno == (int)Errno.Interrupted)
                    {
                        continue;
                    }

                    return -errno;
                }

                if (sender.PortId != KernelPort)
                {
                    continue;
                }

                return (message.Flags & LibC.MSG_TRUNC) != 0 ? -(int)Errno.MessageSize : (int)received;
            }
        }
    }

    private static NetlinkException Failed(string request) => new(Marshal.GetLastPInvokeError(), request);
}
