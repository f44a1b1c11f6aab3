using System.Collections.Immutable;
using System.Net;
using Calico.Ipam;

namespace Calico.Host.Workloads;

/// <summary>One adapter's leases.</summary>
public sealed class AdapterIpam(string adapter, NodeIpam ipam) : IIpam
{
    public Task<ImmutableArray<AddressLease>> ClaimAsync(AddressClaim claim, CancellationToken ct) =>
        ipam.ClaimAsync(adapter, claim, null, null, ct);

    public Task<AddressLease?> FindAsync(IPAddress address, CancellationToken ct) => ipam.FindAsync(address, ct);

    public Task<ImmutableArray<AddressLease>> ListAsync(string? handle, CancellationToken ct) => ipam.ListAsync(adapter, handle, ct);

    public Task<ReleaseOutcome> ReleaseAsync(AddressLease lease, CancellationToken ct) => ipam.ReleaseAsync(adapter, lease, ct);

    public Task<ImmutableArray<AddressPool>> ListPoolsAsync(CancellationToken ct) => ipam.ListPoolsAsync(ct);
}
