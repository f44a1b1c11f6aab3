using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Calico.EmbeddedStore;

/// <summary>Which user is at the other end of a TCP connection within this host, as the kernel's table of sockets says.</summary>
/// <remarks>
/// <c>/proc/net/tcp</c> (net/ipv4/tcp_ipv4.c, get_tcp4_sock) lists each end by itself. Only an established one says who it is: one that is
/// closing is listed with uid 0 and without an inode, whoever it was. A peer that is not in the table is not of this network namespace:
/// its packets were brought to loopback by rules or routes.
/// </remarks>
internal static class LoopbackPeer
{
    private const string Established = "01";
    private const int LocalColumn = 1;
    private const int RemoteColumn = 2;
    private const int StateColumn = 3;
    private const int UidColumn = 7;
    private const int InodeColumn = 9;

    private static readonly string[] Tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

    /// <summary>The user that holds the end <paramref name="peer"/> of a connection to <paramref name="us"/>; null: no such end here.
    /// </summary>
    public static uint? FindUid(IPEndPoint peer, IPEndPoint us)
    {
        var (from, to) = (new[] { Format(peer, mapped: false), Format(peer, mapped: true) },
            new[] { Format(us, mapped: false), Format(us, mapped: true) });
        foreach (var table in Tables.Where(File.Exists))
        {
            foreach (var line in File.ReadLines(table))
            {
                var columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (columns.Length > InodeColumn && from.Contains(columns[LocalColumn]) && to.Contains(columns[RemoteColumn])
                    && columns[StateColumn] == Established && columns[InodeColumn] != "0")
                {
                    return uint.Parse(columns[UidColumn], CultureInfo.InvariantCulture);
                }
            }
        }

        return null;
    }

    /// <summary>Whether that user is root or the one that this process runs as.</summary>
    public static bool IsTrusted(uint? uid) => uid is 0 || (uid is { } known && known == OwnUid());

    /// <summary>Address as words in the machine's order, then the port. An IPv4 peer may hold an IPv6 socket (mapped).</summary>
    private static string Format(IPEndPoint endpoint, bool mapped)
    {
        var address = endpoint.Address.IsIPv4MappedToIPv6 ? endpoint.Address.MapToIPv4() : endpoint.Address;
        var bytes = (mapped && address.AddressFamily == AddressFamily.InterNetwork ? address.MapToIPv6() : address).GetAddressBytes();
        var words = Enumerable.Range(0, bytes.Length / sizeof(uint))
            .Select(i => BitConverter.ToUInt32(bytes, i * sizeof(uint)).ToString("X8", CultureInfo.InvariantCulture));
        return $"{string.Concat(words)}:{endpoint.Port.ToString("X4", CultureInfo.InvariantCulture)}";
    }

    /// <summary>The effective one: second of "Uid: real effective saved filesystem" (proc_pid_status(5)).</summary>
    private static uint OwnUid() => uint.Parse(File.ReadLines("/proc/self/status")
        .First(l => l.StartsWith("Uid:", StringComparison.Ordinal))
        .Split('\t')[2], CultureInfo.InvariantCulture);
}
