using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>Who lives on an address: what a person has to know before it is released by hand.</summary>
public static class AddressUse
{
    /// <summary>Refuses to release what somebody uses.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>: who uses it, and what to do.</exception>
    public static async Task RefuseUsedAsync(IKeyValueStore store, IPAddress address, TimeProvider time, CancellationToken ct)
    {
        var client = new ResourceClient(store, time);
        var users = (await AuditedEndpoints.OfWorkloadsAsync(client, ct)).AddRange(await AuditedEndpoints.OfTunnelsAsync(client, ct))
            .Where(u => u.Addresses.Contains(address)).Select(u => u.Name).ToImmutableArray();
        if (users.IsEmpty && await HolderAsync(store, address, ct) is { } holder)
        {
            users = [holder];
        }

        if (!users.IsEmpty)
        {
            throw new CalicoException(Problem.Conflict,
                $"{address} is in use by {string.Join(" and ", users)}. Delete the workload and its address is released; "
                + "with --force it is released all the same, and a host that runs the workload takes it again");
        }
    }

    /// <summary>The lease of a node whose host runs: it knows better than any endpoint in the store.</summary>
    private static async Task<string?> HolderAsync(IKeyValueStore store, IPAddress address, CancellationToken ct)
    {
        var change = new IpamChange(store, new());
        foreach (var cidr in await change.BlocksAroundAsync(address, ct))
        {
            if (await change.UsableBlockAsync(cidr, ct) is { } block && block.OrdinalOf(address) is { } ordinal
                && block.AttributeOf(ordinal) is { ReleasedAt: null } attribute && attribute.Secondary?.ContainsKey("adapter") == true
                && LeaseRecord.NodeOf(attribute) is { } node && await store.GetAsync(NodeHeartbeat.Key(node), 0, ct) is not null)
            {
                var lease = LeaseRecord.From(block, ordinal);
                return $"adapter {lease.Adapter} on node {node}, whose host runs (handle \"{lease.Handle}\", {lease.Purpose}"
                    + (lease.Bound is null ? ")" : $", bound to {lease.Bound})");
            }
        }

        return null;
    }
}
