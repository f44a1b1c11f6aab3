using System.Collections.Immutable;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux;

/// <summary>Files and folders that nobody but root can have put where they are.</summary>
/// <remarks>
/// Facts: whoever may write a folder can exchange what is in it between a look and a use, so a path is walked by descriptors from the
/// root, and what is handed out is the file that was looked at. The sticky bit does not keep others from making an entry. A symbolic link
/// is what its target is, walked likewise: that the link itself is root's follows from the folder it is in. An access list that lets others
/// write shows in the mode's group bits (acl(5), the mask).
/// </remarks>
public static unsafe class TrustedPath
{
    /// <summary>linux/stat.h: struct statx is 256 bytes; stx_uid at 0x14, stx_mode at 0x1c.</summary>
    private const int StatxLength = 256;
    private const int StatxUserOffset = 0x14;
    private const int StatxModeOffset = 0x1c;
    private const uint TypeModeAndUser = 0x1 | 0x2 | 0x8;

    /// <summary>linux/stat.h: S_IFMT, S_IFREG, S_IFDIR, S_IFLNK.</summary>
    private const int TypeMask = 0xf000;
    private const int RegularFile = 0x8000;
    private const int FolderType = 0x4000;
    private const int LinkType = 0xa000;
    private const int OthersMayWrite = 0x12;

    /// <summary>linux/namei.h: MAXSYMLINKS.</summary>
    private const int MaxLinks = 40;
    private const int MaxPath = 4096;

    /// <summary>Opens a regular file for reading.</summary>
    /// <exception cref="UntrustedPathException">Somebody else may have put it there, or it is no regular file.</exception>
    /// <exception cref="Win32Exception">It is not there, or cannot be read.</exception>
    public static SafeFileHandle OpenFile(string path)
    {
        using var found = Walk(path, out var type);
        return type == RegularFile ? Reopen(found, path) : throw new UntrustedPathException(path, "is no regular file");
    }

    /// <summary>Names in a folder, in order.</summary>
    /// <inheritdoc cref="OpenFile" path="/exception"/>
    public static ImmutableArray<string> List(string folder)
    {
        using var found = Walk(folder, out var type);
        if (type != FolderType)
        {
            throw new UntrustedPathException(folder, "is no folder");
        }

        return [.. Directory.EnumerateFileSystemEntries(ByDescriptor(found)).Select(e => Path.GetFileName(e)!)
            .Order(StringComparer.Ordinal)];
    }

    /// <summary>Whether it is a folder.</summary>
    /// <inheritdoc cref="OpenFile" path="/exception"/>
    public static bool IsFolder(string path)
    {
        using var found = Walk(path, out var type);
        return type == FolderType;
    }

    private static SafeFileHandle Walk(string path, out int type)
    {
        var pending = new Stack<string>();
        Push(pending, Path.GetFullPath(path));
        var passed = new Stack<(SafeFileHandle Handle, string Path)>();
        try
        {
            passed.Push((LibC.OpenPathOnly("/"), "/"));
            type = Check(passed.Peek().Handle, "/");
            for (var links = 0; pending.TryPop(out var part);)
            {
                if (part == "..")
                {
                    if (passed.Count > 1)
                    {
                        passed.Pop().Handle.Dispose();
                    }

                    type = FolderType;
                    continue;
                }

                var (folder, place) = passed.Peek();
                var full = Path.Combine(place, part);
                var next = LibC.OpenPathOnly(folder, part);
                if (next.IsInvalid)
                {
                    throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{full}: {Marshal.GetLastPInvokeErrorMessage()}");
                }

                passed.Push((next, full));
                type = Check(next, full);
                if (type != LinkType)
                {
                    continue;
                }

                if (++links > MaxLinks)
                {
                    throw new UntrustedPathException(path, "has too many symbolic links on its way");
                }

                var target = ReadLink(next, full);
                passed.Pop().Handle.Dispose();
                while (target.StartsWith('/') && passed.Count > 1)
                {
                    passed.Pop().Handle.Dispose();
                }

                Push(pending, target);
            }

            return passed.Pop().Handle;
        }
        finally
        {
            foreach (var (handle, _) in passed)
            {
                handle.Dispose();
            }
        }
    }

    private static void Push(Stack<string> pending, string path)
    {
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(p => p != ".").Reverse())
        {
            pending.Push(part);
        }
    }

    private static int Check(SafeFileHandle file, string path)
    {
        var status = stackalloc byte[StatxLength];
        byte empty = 0;
        if (file.IsInvalid || LibC.ExtendedStatus(file, &empty, LibC.AT_EMPTY_PATH, TypeModeAndUser, status) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var (owner, mode) = (*(uint*)(status + StatxUserOffset), *(ushort*)(status + StatxModeOffset));
        var type = mode & TypeMask;
        if (owner != 0)
        {
            throw new UntrustedPathException(path, $"belongs to user {owner}, not to root");
        }
        // The mode of a link says nothing: who may exchange it, the folder's mode says.
        if (type != LinkType && (mode & OthersMayWrite) != 0)
        {
            throw new UntrustedPathException(path,
                $"can be written by others than root (mode {Convert.ToString(mode & 0xfff, 8).PadLeft(4, '0')})");
        }

        return type;
    }

    private static string ReadLink(SafeFileHandle link, string path)
    {
        var target = stackalloc byte[MaxPath];
        byte empty = 0;
        var length = LibC.ReadLinkAt(link, &empty, target, MaxPath);
        return length > 0 ? Encoding.UTF8.GetString(target, (int)length)
            : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    private static SafeFileHandle Reopen(SafeFileHandle found, string path)
    {
        var file = LibC.OpenReadOnly(ByDescriptor(found));
        return !file.IsInvalid ? file
            : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    // The very file that the descriptor is of, whatever is at its path by now.
    private static string ByDescriptor(SafeFileHandle file) => $"/proc/self/fd/{file.DangerousGetHandle()}";
}
