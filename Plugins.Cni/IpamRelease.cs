using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Cni;

/// <summary>Frees addresses that were handed to another network plugin, and nothing that an endpoint of ours is bound to.</summary>
internal sealed class IpamRelease(IIpam ipam)
{
    /// <summary>What this container holds under this network's name.</summary>
    public async Task OfContainerAsync(CniCall call, string network, CancellationToken ct)
    {
        // Upstream's two handles: of version 3, and of before 3.0, which was the workload's name.
        foreach (var handle in (string[])[EndpointPlanner.HandleOf(network, call.ContainerId), EndpointLookup.IdOf(call).Workload])
            await AllAsync(await ipam.ListAsync(handle, ct), ct);
    }

    public async Task AllAsync(IEnumerable<AddressLease> leases, CancellationToken ct)
    {
        foreach (var lease in Foreign(leases))
            await ipam.ReleaseAsync(lease, ct);
    }

    public static IEnumerable<AddressLease> Foreign(IEnumerable<AddressLease> leases) => leases.Where(l => l.Purpose == LeasePurpose.Foreign);
}
