using System.Net.Sockets;
using System.Runtime.InteropServices;
using Calico.Shim.Wire;
using Microsoft.Win32.SafeHandles;

namespace Calico.Plugins.Cni;

/// <summary>The one read that can carry a descriptor (SCM_RIGHTS); <see cref="Socket"/> has no way to receive one.</summary>
/// <remarks>Facts: unix(7) delivers the descriptor with the first byte of the sendmsg it came with, so only a connection's first read
/// needs this. MSG_CMSG_CLOEXEC, or a child of the host would keep the namespace alive. More descriptors than fit are closed by the
/// kernel and flagged MSG_CTRUNC; the length given is CMSG_LEN, because the padding of CMSG_SPACE would hold a second one.
/// The design's other unsafe code lives in Calico.Linux, which an adapter may not reference: see docs/design/cni.md.</remarks>
internal static unsafe partial class DescriptorReceiver
{
    private const int SOL_SOCKET = 1;                // asm-generic/socket.h
    private const int SCM_RIGHTS = 1;                // linux/socket.h
    private const int MSG_DONTWAIT = 0x40;
    private const int MSG_CTRUNC = 0x8;
    private const int MSG_CMSG_CLOEXEC = 0x40000000;
    private const nuint ControlLength = 20;          // CMSG_LEN(sizeof(int))
    private const int EINTR = 4;
    private const int EAGAIN = 11;

    /// <summary>Reads what is there.</summary>
    /// <param name="socket">A connected unix stream socket.</param>
    /// <param name="buffer">Where the bytes go.</param>
    /// <param name="descriptor">What came along, or null. The caller owns it.</param>
    /// <returns>Bytes read; 0 at the end of the stream; −1 when nothing is there yet.</returns>
    public static int Receive(Socket socket, Span<byte> buffer, out SafeFileHandle? descriptor)
    {
        descriptor = null;
        var control = default(Control);
        var released = false;
        socket.SafeHandle.DangerousAddRef(ref released);
        try
        {
            fixed (byte* bytes = buffer)
            {
                var vector = new IoVector { Base = bytes, Length = (nuint)buffer.Length };
                var message = new MessageHeader
                {
                    Vectors = &vector,
                    VectorCount = 1,
                    Control = &control,
                    ControlLength = ControlLength,
                };
                nint read;
                int error;
                do
                {
                    read = ReceiveMessage((int)socket.Handle, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                    error = read < 0 ? Marshal.GetLastPInvokeError() : 0;
                }
                while (error == EINTR);

                if (error == EAGAIN)
                {
                    return -1;
                }

                if (error != 0)
                {
                    throw new SocketException(error);
                }

                if (message.ControlLength >= ControlLength && control is { Level: SOL_SOCKET, Type: SCM_RIGHTS })
                {
                    descriptor = new SafeFileHandle(control.Descriptor, ownsHandle: true);
                }

                if ((message.Flags & MSG_CTRUNC) != 0)
                {
                    descriptor?.Dispose();
                    descriptor = null;
                    throw new WireFormatException("more than one descriptor with a request");
                }

                return (int)read;
            }
        }
        finally
        {
            if (released)
            {
                socket.SafeHandle.DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(int socket, MessageHeader* message, int flags);

    /// <summary><c>struct iovec</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary><c>struct msghdr</c> as glibc lays it out on 64-bit machines.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public Control* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary><c>struct cmsghdr</c> and room for one descriptor: CMSG_SPACE(sizeof(int)) is 24.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 24)]
    private struct Control
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
    }
}
