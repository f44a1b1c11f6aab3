using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Interop;

/// <summary>The C library's calls, named and shaped as in their man pages. Nothing outside this folder knows the structs.</summary>
internal static unsafe partial class LibC
{
    private const string Library = "libc";

    // <linux/netlink.h>, <bits/socket.h>
    public const int AF_UNIX = 1;
    public const int AF_NETLINK = 16;
    public const int SOCK_RAW = 3;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int SOCK_STREAM = 1;
    public const int SOCK_DGRAM = 2;
    public const int IPPROTO_IPV6 = 41;
    public const int IPV6_V6ONLY = 26;
    public const int SOL_SOCKET = 1;
    public const int SOL_NETLINK = 270;
    public const int SO_SNDBUF = 7;
    public const int SO_RCVBUF = 8;
    public const int SO_PEERCRED = 17;
    public const int SO_RCVTIMEO = 20;
    public const int SO_ATTACH_FILTER = 26;
    public const int SO_SNDBUFFORCE = 32;
    public const int SO_RCVBUFFORCE = 33;
    public const int NETLINK_ADD_MEMBERSHIP = 1;
    public const int NETLINK_CAP_ACK = 10;
    public const int NETLINK_EXT_ACK = 11;
    public const int NETLINK_GET_STRICT_CHK = 12;
    public const int MSG_TRUNC = 0x20;
    public const int MSG_CTRUNC = 0x08;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_CMSG_CLOEXEC = 0x40000000;
    public const int SCM_RIGHTS = 1;

    // <fcntl.h>, <sched.h>, <sys/file.h>, <linux/nsfs.h>, <linux/magic.h>
    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_CREAT = 0x40;
    public const int O_CLOEXEC = 0x80000;
    public const int O_PATH = 0x200000;
    public const int CLONE_NEWNET = 0x40000000;
    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;
    public const uint NS_GET_NSTYPE = 0xb703;
    public const long NSFS_MAGIC = 0x6e736673;

    // <linux/membarrier.h>
    public const int MEMBARRIER_CMD_QUERY = 0;
    public const int MEMBARRIER_CMD_GLOBAL = 1;

    /// <summary>The C library has no wrapper. asm/unistd_64.h; asm-generic/unistd.h.</summary>
    public static readonly nint SYS_membarrier = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 283 : 324;

    /// <summary>Differs by architecture: arch/arm64/include/uapi/asm/fcntl.h.</summary>
    public static readonly int O_NOFOLLOW = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    public const int AT_EMPTY_PATH = 0x1000;
    public const uint STATX_INO = 0x100;

    [StructLayout(LayoutKind.Sequential)]
    public struct SockAddrNetlink
    {
        public ushort Family;
        public ushort Pad;
        public uint PortId;
        public uint Groups;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct IoVector
    {
        public void* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct ControlHeader
    {
        public nuint Length;
        public int Level;
        public int Type;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct TimeValue
    {
        public nint Seconds;
        public nint Microseconds;
    }

    /// <summary><c>struct sock_filter</c> of uapi linux/filter.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public readonly record struct FilterInstruction(ushort Code, byte JumpIfTrue, byte JumpIfFalse, uint Value);

    /// <summary><c>struct sock_fprog</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct FilterProgram
    {
        public ushort Length;
        public FilterInstruction* Instructions;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct PeerCredential
    {
        public int ProcessId;
        public uint UserId;
        public uint GroupId;
    }

    [LibraryImport(Library, EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int domain, int type, int protocol);

    [LibraryImport(Library, EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(SafeHandle descriptor, SockAddrNetlink* address, uint length);

    [LibraryImport(Library, EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(SafeHandle descriptor, byte* address, uint length);

    [LibraryImport(Library, EntryPoint = "getsockname", SetLastError = true)]
    public static partial int GetSocketName(SafeHandle descriptor, byte* address, uint* length);

    [LibraryImport(Library, EntryPoint = "getsockname", SetLastError = true)]
    public static partial int GetSocketName(SafeHandle descriptor, SockAddrNetlink* address, uint* length);

    [LibraryImport(Library, EntryPoint = "sendmsg", SetLastError = true)]
    public static partial nint SendMessage(SafeHandle descriptor, MessageHeader* message, int flags);

    [LibraryImport(Library, EntryPoint = "recvmsg", SetLastError = true)]
    public static partial nint ReceiveMessage(SafeHandle descriptor, MessageHeader* message, int flags);

    [LibraryImport(Library, EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetSocketOption(SafeHandle descriptor, int level, int option, void* value, uint length);

    [LibraryImport(Library, EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetSocketOption(SafeHandle descriptor, int level, int option, void* value, uint* length);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint SystemCall(nint number, nint command, nint flags, nint cpu);

    [LibraryImport(Library, EntryPoint = "setns", SetLastError = true)]
    public static partial int SetNamespace(SafeHandle descriptor, int type);

    [LibraryImport(Library, EntryPoint = "unshare", SetLastError = true)]
    public static partial int Unshare(int flags);

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    public static partial int IoControl(SafeHandle descriptor, nuint request);

    [LibraryImport(Library, EntryPoint = "fstatfs", SetLastError = true)]
    public static partial int FileSystemStatus(SafeHandle descriptor, void* buffer);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true)]
    public static partial int ExtendedStatus(SafeHandle descriptor, byte* path, int flags, uint mask, void* buffer);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    public static partial int FileLock(SafeHandle descriptor, int operation);

    [LibraryImport(Library, EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenAt(SafeHandle folder, string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeHandle file, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeHandle file, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "readlinkat", SetLastError = true)]
    public static partial nint ReadLinkAt(SafeHandle link, byte* path, byte* buffer, nuint size);

    /// <summary>A descriptor of the entry itself, a link too, with which nothing can be read; the errno is left as above.</summary>
    public static SafeFileHandle OpenPathOnly(SafeHandle folder, string name) =>
        new(OpenAt(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), ownsHandle: true);

    /// <inheritdoc cref="OpenPathOnly(SafeHandle, string)"/>
    public static SafeFileHandle OpenPathOnly(string path) => OpenFile(path, O_PATH, 0);

    /// <summary>What is in the folder under that name; the errno is left as above.</summary>
    public static SafeFileHandle OpenAtReadOnly(SafeHandle folder, string name) =>
        new(OpenAt(folder, name, O_RDONLY | O_CLOEXEC, 0), ownsHandle: true);

    /// <inheritdoc cref="OpenAtReadOnly"/>
    public static SafeFileHandle OpenAtWriteOnly(SafeHandle folder, string name) =>
        new(OpenAt(folder, name, O_WRONLY | O_CLOEXEC, 0), ownsHandle: true);

    /// <summary>Reads once; -1: the errno is left as above. For files of <c>/proc</c>, which no signal interrupts.</summary>
    public static nint Read(SafeHandle file, Span<byte> buffer)
    {
        fixed (byte* first = buffer)
        {
            return Read(file, first, (nuint)buffer.Length);
        }
    }

    /// <inheritdoc cref="Read(SafeHandle, Span{byte})"/>
    public static nint Write(SafeHandle file, ReadOnlySpan<byte> content)
    {
        fixed (byte* first = content)
        {
            return Write(file, first, (nuint)content.Length);
        }
    }

    /// <summary>Opens read-only and close-on-exec; the errno is left for <see cref="Marshal.GetLastPInvokeError"/>.</summary>
    public static SafeFileHandle OpenReadOnly(string path) => OpenFile(path, O_RDONLY, 0);

    /// <summary>Opens for writing too, and makes the file with this mode if it is not there.</summary>
    public static SafeFileHandle OpenReadWrite(string path, uint mode) => OpenFile(path, O_RDWR | O_CREAT, mode);

    private static SafeFileHandle OpenFile(string path, int flags, uint mode)
    {
        int descriptor;
        do
        {
            descriptor = Open(path, flags | O_CLOEXEC, mode);
        }
        while (descriptor < 0 && Marshal.GetLastPInvokeError() == (int)Errno.Interrupted);
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }
}
