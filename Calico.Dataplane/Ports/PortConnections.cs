using System.Net;
using System.Net.Sockets;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Ports;

/// <summary>The kernel's.</summary>
/// <param name="socket">Owned from now on, as the next.</param>
/// <param name="routes">Tells the host's addresses.</param>
/// <param name="logger">Of the loop.</param>
internal sealed partial class PortConnections(IConntrack socket, IRoutes routes, ILogger logger) : IPortConnections
{
    /// <summary>One walk after the other, none on the loop: it takes about 10 ms by the table's size.</summary>
    private Task _walks = Task.CompletedTask;

    public void Cut(IReadOnlyCollection<PortMapping> ended, IReadOnlyCollection<PortMapping> begun)
    {
        if (ended.Count + begun.Count > 0)
        {
            _walks = _walks.ContinueWith(_ => Walk(ended, begun), CancellationToken.None, TaskContinuationOptions.None,
                TaskScheduler.Default);
        }
    }

    public void Dispose()
    {
        _walks.GetAwaiter().GetResult();
        socket.Dispose();
        routes.Dispose();
    }

    private void Walk(IReadOnlyCollection<PortMapping> ended, IReadOnlyCollection<PortMapping> begun)
    {
        try
        {
            foreach (var isIpv6 in ended.Concat(begun).Select(m => m.IsIpv6).Distinct())
            {
                var family = isIpv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
                var own = routes.ListAddresses(0, family).Select(a => a.Address).ToHashSet();
                socket.Delete(socket.List(family, entry => ended.Any(m => GoesBy(entry, m)) || begun.Any(m => GoesPast(entry, m, own))));
            }
        }
        catch (Exception e) when (e is NetlinkException or NetlinkFormatException)
        {
            Log.NotCut(logger, e.Message);
        }
    }

    private static bool GoesBy(ConntrackEntry entry, PortMapping mapping) => entry.Protocol == mapping.Protocol
        && entry.DestinationPort == mapping.HostPort && entry.ReplySourcePort == mapping.Port && entry.ReplySource.Equals(mapping.Address)
        && !entry.OriginalDestination.Equals(mapping.Address);

    /// <summary>To an address of the host itself: what only passes through the host by the same port is others'.</summary>
    private static bool GoesPast(ConntrackEntry entry, PortMapping mapping, HashSet<IPAddress> own) => entry.Protocol == mapping.Protocol
        && entry.DestinationPort == mapping.HostPort && own.Contains(entry.OriginalDestination)
        && (mapping.HostAddress is null || mapping.HostAddress.Equals(entry.OriginalDestination)) && !entry.ReplySource
            .Equals(mapping.Address);

    private static partial class Log
    {
        [LoggerMessage(4310, LogLevel.Warning, "connections of published ports that changed were not deleted: {Reason}")]
        public static partial void NotCut(ILogger logger, string reason);
    }
}
