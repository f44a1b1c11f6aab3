using System.ComponentModel;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux;

/// <summary>An advisory lock on a file (flock); gone with the process, however it ends.</summary>
/// <remarks>The file is never deleted: whoever opened it before the deletion would hold a lock that nobody else sees.</remarks>
public sealed class FileLock : IDisposable
{
    private readonly SafeFileHandle _file;

    private FileLock(SafeFileHandle file, string path)
    {
        _file = file;
        Path = path;
    }

    public string Path { get; }

    /// <summary>Takes the lock, making the file (mode 0600) if need be; null if another holds it.</summary>
    public static FileLock? TryAcquire(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        // Not through the framework: it locks a file by itself as it opens it, and leaves the mode to the umask.
        const uint OwnerReadWrite = 0x180; // 0600
        return Take(LibC.OpenReadWrite(path, OwnerReadWrite), path);
    }

    /// <summary>Takes the lock of a folder that exists; null if another holds it.</summary>
    public static FileLock? TryAcquireFolder(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Take(LibC.OpenReadOnly(path), path);
    }

    private static FileLock? Take(SafeFileHandle file, string path)
    {
        if (!file.IsInvalid && LibC.FileLock(file, LibC.LOCK_EX | LibC.LOCK_NB) == 0)
        {
            return new FileLock(file, path);
        }

        var errno = Marshal.GetLastPInvokeError();
        var opened = !file.IsInvalid;
        file.Dispose();
        return opened && errno == (int)Errno.TryAgain
            ? null : throw new IOException($"lock {path}: {new Win32Exception(errno).Message} (errno {errno})");
    }

    /// <summary>Gives the lock up.</summary>
    public void Dispose() => _file.Dispose();
}
