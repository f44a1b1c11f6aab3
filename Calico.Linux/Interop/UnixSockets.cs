using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Calico.Linux;

/// <summary>What <see cref="Socket"/> does not offer.</summary>
public static partial class UnixSockets
{
    /// <summary>asm-generic/fcntl.h: the duplicate is closed on exec.</summary>
    private const int F_DUPFD_CLOEXEC = 1030;

    /// <summary>A second descriptor of the same socket: closing one leaves the other open.</summary>
    public static Socket Duplicate(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        var descriptor = FileControl(socket.SafeHandle, F_DUPFD_CLOEXEC, 0);
        return descriptor < 0
            ? throw new Win32Exception(Marshal.GetLastPInvokeError(), $"duplicate a socket: {Marshal.GetLastPInvokeErrorMessage()}")
            : new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(SafeHandle descriptor, int command, int argument);
}
