using System.Globalization;

namespace Calico.Dataplane.Workloads;

/// <content>What went through a pair.</content>
public sealed partial class WorkloadWiring
{
    /// <summary>Bytes and packets that the host side received and sent since it was made; zeros when it is not there.</summary>
    public ((long Bytes, long Packets) Received, (long Bytes, long Packets) Sent) ReadCounters(string hostInterface)
    {
        // proc(5), /proc/net/dev: after the colon eight columns of receive, then eight of transmit; bytes and packets come first.
        foreach (var line in _network.Run(() => File.ReadAllLines("/proc/thread-self/net/dev")))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0 || line.AsSpan(0, colon).Trim() is var name && !name.SequenceEqual(hostInterface))
            {
                continue;
            }

            var columns = line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            long Column(int at) => long.Parse(columns[at], CultureInfo.InvariantCulture);
            return ((Column(0), Column(1)), (Column(8), Column(9)));
        }

        return default;
    }
}
