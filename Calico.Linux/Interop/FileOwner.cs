using System.ComponentModel;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux;

/// <summary>Who owns a file, which the framework does not tell.</summary>
public static unsafe class FileOwner
{
    /// <summary>linux/stat.h: struct statx is 256 bytes; stx_uid at 0x14.</summary>
    private const int StatxLength = 256;
    private const int StatxUserOffset = 0x14;
    private const uint STATX_UID = 0x8;

    /// <summary>linux/fcntl.h: the descriptor itself, no path.</summary>
    private const int AT_EMPTY_PATH = 0x1000;

    /// <summary>User id of the owner.</summary>
    /// <exception cref="Win32Exception">Not there, or not readable.</exception>
    public static uint Of(string path)
    {
        using SafeFileHandle file = LibC.OpenReadOnly(path);
        if (file.IsInvalid)
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"open {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        byte* status = stackalloc byte[StatxLength];
        byte empty = 0;
        if (LibC.ExtendedStatus(file, &empty, AT_EMPTY_PATH, STATX_UID, status) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"stat {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        return *(uint*)(status + StatxUserOffset);
    }
}
