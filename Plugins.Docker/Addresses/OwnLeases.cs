using System.Net;

namespace Calico.Plugins.Docker.Addresses;

/// <summary>This node's leases, from memory. An address that nobody here has is not looked for in the store: dockerd's release of it
/// would wait for one that does not answer, and a local driver has nothing to do with another node's.</summary>
internal static class OwnLeases
{
    public static async Task<AddressLease?> FindOwnAsync(this IIpam ipam, IPAddress address, CancellationToken ct) =>
        (await ipam.ListAsync(null, ct)).FirstOrDefault(lease => lease.Address.Equals(address));
}
