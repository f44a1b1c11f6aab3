using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Namespaces;

/// <summary>An open network namespace, checked to be one.</summary>
/// <remarks>Everything is asked of the open descriptor, never of the path again: what the path names may change meanwhile.</remarks>
public sealed class NetworkNamespaceFile : IDisposable
{
    /// <summary>Larger than struct statfs of every architecture; its first word is the type.</summary>
    private const int FileSystemStatusLength = 256;

    /// <summary>Size of struct statx, the same everywhere.</summary>
    private const int ExtendedStatusLength = 256;
    private const int ExtendedStatusInodeOffset = 0x20;
    private const int ExtendedStatusDeviceOffset = 0x88;

    private NetworkNamespaceFile(SafeFileHandle descriptor, NamespaceIdentity identity, string text)
    {
        Descriptor = descriptor;
        Identity = identity;
        Text = text;
    }

    /// <summary>The open file; owned by this object.</summary>
    public SafeFileHandle Descriptor { get; }

    /// <summary>Equal for equal namespaces.</summary>
    public NamespaceIdentity Identity { get; }

    /// <summary>Path or process, for messages.</summary>
    public string Text { get; }

    /// <summary>Opens by path: <c>/run/netns/x</c>, <c>/proc/1/ns/net</c>.</summary>
    /// <exception cref="NamespaceException">Not there, not readable, or not a network namespace.</exception>
    public static NetworkNamespaceFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var descriptor = LibC.OpenReadOnly(path);
        if (descriptor.IsInvalid)
        {
            var errno = Marshal.GetLastPInvokeError();
            descriptor.Dispose();
            throw Failed(errno, $"open network namespace {path}");
        }

        return Adopt(descriptor, path);
    }

    /// <summary>Opens the namespace of a process.</summary>
    public static NetworkNamespaceFile OpenProcess(int processId) =>
        Open(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/ns/net"));

    /// <summary>Opens the namespace of the calling thread.</summary>
    public static NetworkNamespaceFile OpenOwn() => Open("/proc/thread-self/ns/net");

    /// <summary>Takes over a descriptor, for example one that another process passed. It is closed when refused.</summary>
    public static NetworkNamespaceFile Adopt(SafeFileHandle descriptor, string text)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        try
        {
            Check(descriptor, text);
            return new NetworkNamespaceFile(descriptor, Identify(descriptor, text), text);
        }
        catch (NamespaceException)
        {
            descriptor.Dispose();
            throw;
        }
    }

    /// <summary>True when the calling thread is in this namespace.</summary>
    public bool IsOwn()
    {
        using var own = OpenOwn();
        return own.Identity == Identity;
    }

    public override string ToString() => Text;

    public void Dispose() => Descriptor.Dispose();

    private static unsafe void Check(SafeFileHandle descriptor, string text)
    {
        var buffer = stackalloc byte[FileSystemStatusLength];
        if (LibC.FileSystemStatus(descriptor, buffer) != 0)
        {
            throw Failed(Marshal.GetLastPInvokeError(), $"examine {text}");
        }

        if (*(nint*)buffer != LibC.NSFS_MAGIC)
        {
            throw new NamespaceException(Errno.Invalid, $"{text} is not a namespace");
        }

        var type = LibC.IoControl(descriptor, LibC.NS_GET_NSTYPE);
        if (type < 0)
        {
            throw Failed(Marshal.GetLastPInvokeError(), $"ask which kind of namespace {text} is");
        }

        if (type != LibC.CLONE_NEWNET)
        {
            throw new NamespaceException(Errno.Invalid, $"{text} is a namespace of another kind");
        }
    }

    private static unsafe NamespaceIdentity Identify(SafeFileHandle descriptor, string text)
    {
        var buffer = stackalloc byte[ExtendedStatusLength];
        byte empty = 0;
        if (LibC.ExtendedStatus(descriptor, &empty, LibC.AT_EMPTY_PATH, LibC.STATX_INO, buffer) != 0)
        {
            throw Failed(Marshal.GetLastPInvokeError(), $"identify {text}");
        }

        return new NamespaceIdentity(*(uint*)(buffer + ExtendedStatusDeviceOffset), *(uint*)(buffer + ExtendedStatusDeviceOffset + 4),
            *(ulong*)(buffer + ExtendedStatusInodeOffset));
    }

    private static NamespaceException Failed(int errno, string what) =>
        new((Errno)errno, $"{what}: {new Win32Exception(errno).Message} (errno {errno})");
}
