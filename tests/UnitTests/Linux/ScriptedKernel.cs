using System.Runtime.InteropServices;
using Calico.Linux.Netlink;
using Microsoft.Win32.SafeHandles;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

/// <summary>A netlink socket whose other end a test holds: what the real kernel does once in a thousand dumps is said here at once.
/// </summary>
/// <remarks>A pair of AF_UNIX sockets. Of an unnamed sender nothing is told, which reads as port 0, the kernel's.</remarks>
internal sealed class ScriptedKernel : IDisposable
{
    private const int AF_UNIX = 1;
    private const int SOCK_SEQPACKET = 5;
    private const int HeaderLength = 16;

    private readonly SafeFileHandle _end;

    public ScriptedKernel(int receiveLength = 4096)
    {
        var pair = new int[2];
        Assert.That(SocketPair(AF_UNIX, SOCK_SEQPACKET, 0, pair), Is.Zero);
        _end = new(pair[0], ownsHandle: true);
        Socket = new(new SafeFileHandle(pair[1], ownsHandle: true), TimeSpan.FromSeconds(5), receiveLength);
    }

    public NetlinkSocket Socket { get; }

    /// <summary>One datagram of these messages.</summary>
    public void Says(params byte[][] messages)
    {
        byte[] datagram = [.. messages.SelectMany(m => m)];
        Assert.That(Send(_end, datagram, datagram.Length, 0), Is.EqualTo((nint)datagram.Length));
    }

    public static byte[] Message(ushort type, uint sequence, NetlinkFlags flags = NetlinkFlags.None, params byte[] payload)
    {
        var message = new byte[NetlinkWriter.Align(HeaderLength + payload.Length)];
        BitConverter.TryWriteBytes(message, HeaderLength + payload.Length);
        BitConverter.TryWriteBytes(message.AsSpan(4), type);
        BitConverter.TryWriteBytes(message.AsSpan(6), (ushort)flags);
        BitConverter.TryWriteBytes(message.AsSpan(8), sequence);
        payload.CopyTo(message, HeaderLength);
        return message;
    }

    /// <summary>NLMSG_ERROR with a short quotation of the request; 0 is an acknowledgement.</summary>
    public static byte[] Error(uint sequence, int errno) =>
        Message(NetlinkMessage.Error, sequence, NetlinkFlags.Capped, [.. BitConverter.GetBytes(-errno), .. new byte[HeaderLength]]);

    /// <summary>NLMSG_DONE.</summary>
    public static byte[] Done(uint sequence, int errno = 0, NetlinkFlags flags = NetlinkFlags.None) =>
        Message(NetlinkMessage.Done, sequence, flags, BitConverter.GetBytes(-errno));

    public void Dispose()
    {
        Socket.Dispose();
        _end.Dispose();
    }

    [DllImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static extern int SocketPair(int domain, int type, int protocol, [Out] int[] pair);

    [DllImport("libc", EntryPoint = "send", SetLastError = true)]
    private static extern nint Send(SafeFileHandle socket, byte[] content, nint length, int flags);
}
