using System.ComponentModel;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;

namespace Calico.Linux;

/// <summary>membarrier(2): a way to wait for what the kernel's packet path reads without locks.</summary>
public static class MemoryBarriers
{
    /// <summary>Whether the kernel offers the global barrier. One with nohz_full does not, nor a sandbox that forbids the call.</summary>
    public static bool HasGlobal => Call(LibC.MEMBARRIER_CMD_QUERY) is > 0 and var offered && (offered & LibC.MEMBARRIER_CMD_GLOBAL) != 0;

    /// <summary>Returns when every packet that the kernel was working on has left: an RCU grace period, some milliseconds of waiting.
    /// </summary>
    /// <returns>False: the kernel has no such barrier, and nothing was waited for.</returns>
    /// <remarks>With one CPU it returns at once: a packet is never left in the middle for a process.</remarks>
    /// <exception cref="IOException">It failed otherwise.</exception>
    public static bool TryGlobal()
    {
        if (Call(LibC.MEMBARRIER_CMD_GLOBAL) >= 0)
        {
            return true;
        }

        var errno = Marshal.GetLastPInvokeError();
        return (Errno)errno is Errno.Invalid or Errno.NotPermitted or Errno.NoSystemCall
            ? false
            : throw new IOException($"membarrier MEMBARRIER_CMD_GLOBAL: {new Win32Exception(errno).Message} (errno {errno})");
    }

    private static nint Call(int command) => LibC.SystemCall(LibC.SYS_membarrier, command, 0, 0);
}
