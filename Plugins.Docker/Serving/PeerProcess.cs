using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Calico.Plugins.Docker.Serving;

/// <summary>Which process is at the other end of a unix socket. Its number alone is not enough: the kernel gives it again.</summary>
internal static class PeerProcess
{
    // asm-generic/socket.h
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    /// <summary>Field of /proc/PID/stat behind the process's name (proc(5): 22, the name is 2): ticks from the boot to its start.</summary>
    private const int StartTime = 19;

    /// <summary><c>pid start boot</c>; null: it cannot be said (another pid namespace, no /proc, it is gone).</summary>
    public static string? Of(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        try
        {
            // struct ucred: pid, uid, gid.
            Span<byte> peer = stackalloc byte[12];
            socket.GetRawSocketOption(SolSocket, SoPeerCred, peer);
            return MemoryMarshal.Read<int>(peer) is > 0 and var pid ? Describe(pid) : null;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return null;
        }
    }

    private static string? Describe(int pid)
    {
        var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
        // The name is anything, in brackets.
        var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        return fields.Length > StartTime ? string.Create(CultureInfo.InvariantCulture, $"{pid} {fields[StartTime]} {boot}") : null;
    }
}
