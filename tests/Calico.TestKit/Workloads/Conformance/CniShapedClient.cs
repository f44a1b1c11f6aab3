using System.Collections.Immutable;

namespace Calico.TestKit.Workloads;

/// <summary>Calls as a CNI adapter makes them: one for a whole life.</summary>
public sealed class CniShapedClient(ConformanceNode node, string network = "net1")
{
    public EndpointSpec Spec(string containerId, string interfaceName = "eth0", WorkloadEndpointId? id = null, string group = "") => new()
    {
        Id = id ?? new WorkloadEndpointId("cni", containerId, interfaceName),
        Instance = containerId,
        Network = network,
        Profiles = [network],
        NamespaceGroup = group,
        Claim = new AddressClaim { Handle = $"{network}.{containerId}", Purpose = LeasePurpose.Endpoint, Owner = network, Ipv4 = 1 },
    };

    public async Task<Attachment> AddAsync(EndpointSpec spec, NetworkNamespace networkNamespace)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var defaults = new ProfileDefaults(false, ImmutableSortedDictionary<string, string>.Empty);
        await node.Profiles.EnsureAsync(network, defaults, default);
        return await node.Network.ConnectAsync(spec, Placement.In(networkNamespace, spec.Id.Endpoint), default);
    }

    public Task<Attachment> AddAsync(string containerId, NetworkNamespace networkNamespace) =>
        AddAsync(Spec(containerId), networkNamespace);

    public Task DeleteAsync(string containerId) =>
        node.Network.DisconnectAsync(new WorkloadEndpointId("cni", containerId, "eth0"), containerId, default);
}
