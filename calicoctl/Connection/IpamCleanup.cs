using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Store;
using Calico.Ipam;

namespace Calico.Cli.Connection;

/// <summary>What IPAM does when a pool or node is deleted.</summary>
internal sealed class IpamCleanup(IKeyValueStore store, TimeProvider time) : IAddressCleanup
{
    private readonly IpamClient _ipam = new(store, null, time);

    public Task ReleasePoolAsync(string cidr, CancellationToken ct) => _ipam.ReleasePoolAffinitiesAsync(Cidr.Parse(cidr), ct);

    public Task ReleaseAddressesAsync(ImmutableArray<string> addresses, CancellationToken ct) => addresses.IsEmpty
        ? Task.CompletedTask
        : _ipam.ReleaseAsync([.. addresses.Select(address => new ReleaseRequest(IPAddress.Parse(address)))], ct);

    public Task ReleaseNodeAsync(string node, CancellationToken ct) => _ipam.RemoveHostAsync(node, ct);
}
