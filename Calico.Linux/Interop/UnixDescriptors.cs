using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux;

/// <summary>Passes open files over unix sockets (SCM_RIGHTS), one at a time.</summary>
public static class UnixDescriptors
{
    /// <summary>CMSG_LEN(sizeof(int)) and, rounded up to a word, CMSG_SPACE(sizeof(int)).</summary>
    private static readonly int OneDescriptorLength = Marshal.SizeOf<LibC.ControlHeader>() + sizeof(int);
    private static readonly int OneDescriptorSpace = Marshal.SizeOf<LibC.ControlHeader>() + IntPtr.Size;

    /// <summary>Reads like <see cref="Socket.ReceiveAsync(Memory{byte}, CancellationToken)"/>, and takes a passed descriptor along.
    /// </summary>
    /// <exception cref="InvalidDataException">More than one descriptor came; all were closed.</exception>
    public static async ValueTask<UnixReceipt> ReceiveAsync(Socket socket, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(socket);
        while (true)
        {
            if (TryReceive(socket.SafeHandle, buffer.Span, out var receipt))
            {
                return receipt;
            }

            // A peek leaves the descriptor where it is.
            var peeked = new byte[1];
            await socket.ReceiveAsync(peeked, SocketFlags.Peek, cancellationToken);
        }
    }

    /// <summary>Sends bytes (at least one, or nothing goes along) with a descriptor, which stays the sender's too. Blocking sockets.
    /// </summary>
    public static unsafe void Send(Socket socket, ReadOnlySpan<byte> content, SafeHandle descriptor)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(descriptor);
        var held = false;
        try
        {
            descriptor.DangerousAddRef(ref held);
            var control = stackalloc byte[OneDescriptorSpace];
            new Span<byte>(control, OneDescriptorSpace).Clear();
            *(LibC.ControlHeader*)control = new LibC.ControlHeader
            {
                Length = (nuint)OneDescriptorLength, Level = LibC.SOL_SOCKET, Type = LibC.SCM_RIGHTS,
            };
            *(int*)(control + sizeof(LibC.ControlHeader)) = (int)descriptor.DangerousGetHandle();
            fixed (byte* bytes = content)
            {
                var vector = new LibC.IoVector { Base = bytes, Length = (nuint)content.Length };
                var message = new LibC.MessageHeader
                {
                    Vectors = &vector, VectorCount = 1, Control = control, ControlLength = (nuint)OneDescriptorSpace,
                };
                if (LibC.SendMessage(socket.SafeHandle, &message, 0) != content.Length)
                {
                    throw new SocketException(Marshal.GetLastPInvokeError());
                }
            }
        }
        finally
        {
            if (held)
            {
                descriptor.DangerousRelease();
            }
        }
    }

    private static unsafe bool TryReceive(SafeHandle socket, Span<byte> buffer, out UnixReceipt receipt)
    {
        var control = stackalloc byte[OneDescriptorSpace];
        fixed (byte* content = buffer)
        {
            while (true)
            {
                var vector = new LibC.IoVector { Base = content, Length = (nuint)buffer.Length };
                var message = new LibC.MessageHeader
                {
                    Vectors = &vector, VectorCount = 1, Control = control, ControlLength = (nuint)OneDescriptorSpace,
                };
                var received = LibC.ReceiveMessage(socket, &message, LibC.MSG_DONTWAIT | LibC.MSG_CMSG_CLOEXEC);
                if (received >= 0)
                {
                    receipt = new UnixReceipt((int)received, TakeDescriptor(message));
                    return true;
                }

                switch ((Errno)Marshal.GetLastPInvokeError())
                {
                    case Errno.Interrupted:
                        continue;
                    case Errno.TryAgain:
                        receipt = default;
                        return false;
                    case var errno:
                        throw new IOException($"receive from a unix socket: {new Win32Exception((int)errno).Message}");
                }
            }
        }
    }

    /// <summary>The padding of one descriptor has room for a second, so the kernel may have installed two; what did not fit, it closed.
    /// </summary>
    private static unsafe SafeFileHandle? TakeDescriptor(in LibC.MessageHeader message)
    {
        if (message.ControlLength < (nuint)OneDescriptorLength)
        {
            return null;
        }

        var header = (LibC.ControlHeader*)message.Control;
        if (header->Level != LibC.SOL_SOCKET || header->Type != LibC.SCM_RIGHTS)
        {
            return null;
        }

        var count = ((int)header->Length - sizeof(LibC.ControlHeader)) / sizeof(int);
        var descriptors = (int*)(header + 1);
        var first = new SafeFileHandle(descriptors[0], ownsHandle: true);
        if (count == 1 && (message.Flags & LibC.MSG_CTRUNC) == 0)
        {
            return first;
        }

        first.Dispose();
        for (var i = 1; i < count; i++)
        {
            new SafeFileHandle(descriptors[i], ownsHandle: true).Dispose();
        }

        throw new InvalidDataException("more than one descriptor was passed");
    }
}
