using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Cni;

/// <summary>Frees addresses that were handed to another network plugin, and nothing that an endpoint of ours is bound to.</summary>
internal sealed class IpamRelease(IIpam ipam)
{
    /// <summary>What this container holds under this network's name.</summary>
    public async Task OfContainerAsync(CniCall call, string network, CancellationToken ct)
    {
        // Ours, then upstream's two: of version 3, and of before 3.0, which was the workload's name. Those two can be another container's
        // of another network as well (a.b of c, a of b.c), so the owner decides; only what upstream gave has none. Case counts here.
        var workload = EndpointLookup.IdOf(call).Workload;
        foreach (var handle in new[] { EndpointPlanner.HandleOf(network, call.ContainerId), $"{network}.{call.ContainerId}", workload }
            .Distinct())
        {
            await AllAsync((await ipam.ListAsync(handle, ct)).Where(l => l.Handle == handle && (l.Owner == network || l.Owner.Length == 0)),
                ct);
        }
    }

    public async Task AllAsync(IEnumerable<AddressLease> leases, CancellationToken ct)
    {
        foreach (var lease in Foreign(leases))
        {
            await ipam.ReleaseAsync(lease, ct);
        }
    }

    public static IEnumerable<AddressLease> Foreign(IEnumerable<AddressLease> leases) =>
        leases.Where(l => l.Purpose == LeasePurpose.Foreign);
}
