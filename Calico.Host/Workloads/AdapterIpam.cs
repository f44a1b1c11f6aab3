using System.Collections.Immutable;
using System.Net;
using Calico.Host.Stages;
using Calico.Ipam;

namespace Calico.Host.Workloads;

/// <summary>One adapter's leases.</summary>
internal sealed class AdapterIpam(string adapter, NodeIpam ipam, StartGate gate) : IIpam
{
    public async Task<ImmutableArray<AddressLease>> ClaimAsync(AddressClaim claim, CancellationToken ct)
    {
        await gate.PassNewAsync(ct);
        return await ipam.ClaimAsync(adapter, claim, null, null, ct);
    }

    public async Task<AddressLease?> FindAsync(IPAddress address, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        return await ipam.FindAsync(address, ct);
    }

    public async Task<ImmutableArray<AddressLease>> ListAsync(string? handle, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        return await ipam.ListAsync(adapter, handle, ct);
    }

    public async Task<ReleaseOutcome> ReleaseAsync(AddressLease lease, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        return await ipam.ReleaseAsync(adapter, lease, ct);
    }

    public async Task<ImmutableArray<AddressPool>> ListPoolsAsync(CancellationToken ct)
    {
        await gate.PassAsync(ct);
        return await ipam.ListPoolsAsync(ct);
    }
}
