using System.Globalization;

namespace Calico.Linux.Netlink;

/// <summary>Which process has a netlink socket; for messages.</summary>
/// <remarks>The kernel numbers sockets, not processes: a port leads to an inode in <c>/proc/net/netlink</c>, and that to whoever has it
/// open. A process in another pid namespace than ours is not seen.</remarks>
public static class NetlinkPorts
{
    // /proc/net/netlink: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    private const int ProtocolColumn = 1;
    private const int PortColumn = 2;
    private const int InodeColumn = 9;

    /// <summary><c>nft (pid 4711)</c>, or the port alone where no process is found.</summary>
    /// <param name="family">Of the socket.</param>
    /// <param name="port">As the kernel tells it, in the calling thread's network namespace.</param>
    public static string Describe(NetlinkFamily family, uint port)
    {
        foreach (var columns in File.ReadLines("/proc/thread-self/net/netlink").Skip(1)
            .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            if (columns.Length > InodeColumn && int.Parse(columns[ProtocolColumn], CultureInfo.InvariantCulture) == (int)family
                && uint.Parse(columns[PortColumn], CultureInfo.InvariantCulture) == port
                && FindProcess($"socket:[{columns[InodeColumn]}]") is { } process)
            {
                return process;
            }
        }

        return $"a process that is not seen from here (netlink port {port})";
    }

    private static string? FindProcess(string socket)
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(p => char.IsAsciiDigit(Path.GetFileName(p)[0])))
        {
            try
            {
                if (Directory.EnumerateFileSystemEntries(Path.Combine(process, "fd")).Any(f => new FileInfo(f).LinkTarget == socket))
                {
                    return $"{File.ReadAllText(Path.Combine(process, "comm")).Trim()} (pid {Path.GetFileName(process)})";
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended, or is another user's.
            }
        }

        return null;
    }
}
