using Calico.Datastore.Store;
using Calico.Ipam;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <summary>Addresses that are bound to nobody of this node.</summary>
internal sealed partial class StrayLeases(EndpointBook book, NodeIpam ipam, INodeLog log, ILogger logger)
{
    /// <summary>Frees addresses that are bound to an endpoint which this node does not have. Record and lease are written together, so
    /// there are none; should there be one all the same, nobody would ever ask for its release. A record that cannot be read keeps its
    /// addresses: its workload may live.</summary>
    public async Task<int> CollectAsync(CancellationToken ct)
    {
        var collected = 0;
        foreach (var lease in await ipam.ListAsync(null, null, ct))
        {
            if (lease.BoundTo is not { } id || book.TryFind(id, out _))
            {
                continue;
            }

            // Under its lock no connect of that endpoint is between its lease and its place in the book.
            using var hold = await book.Locks.EnterAsync(id, ct);
            if (!book.TryFind(id, out _) && log.Get(EndpointRecord.KeyOf(id)) is null
                && await ipam.FindAsync(lease.Address, ct) is { BoundTo: { } owner } now && owner == id && now.Sequence == lease.Sequence)
            {
                await ipam.FreeAsync(lease, ct);
                Log.StrayLease(logger, lease.Address, id);
                collected++;
            }
        }

        return collected;
    }

    private static partial class Log
    {
        [LoggerMessage(1190, LogLevel.Warning,
            "address {Address} was bound to {Endpoint}, which is no endpoint of this node; it is free again")]
        public static partial void StrayLease(ILogger logger, System.Net.IPAddress address, WorkloadEndpointId endpoint);
    }
}
