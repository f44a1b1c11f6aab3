using System.Collections.Immutable;
using System.Net;

namespace Calico.TestKit.Workloads;

/// <summary>Calls as a Docker adapter makes them: the address first, with nothing in common with the endpoint but itself; then the endpoint
/// by an id of its own; the link handed over; labels last; and the teardown in Docker's order, or net-modules'.</summary>
public sealed class DockerShapedClient(ConformanceNode node, string network = "a-network-id")
{
    public async Task<AddressLease> RequestAddressAsync(string request, IPAddress? exact = null)
    {
        var claim = new AddressClaim
        {
            Handle = request,
            Purpose = LeasePurpose.Endpoint,
            Owner = $"local|{node.Pool}|",
            Ipv4 = exact is null ? 1 : 0,
            Exact = exact is null ? [] : [exact],
            Pools = [node.Pool],
        };
        return (await node.Ipam.ClaimAsync(claim, default))[0];
    }

    public async Task<Attachment> CreateEndpointAsync(string endpoint, IPAddress address)
    {
        await node.Profiles.EnsureAsync(network, new ProfileDefaults(false, ImmutableSortedDictionary<string, string>.Empty), default);
        return await node.Dataplane.PrepareAsync(
            new EndpointSpec
            {
                Id = IdOf(endpoint),
                Instance = endpoint,
                Network = network,
                Profiles = [network],
                Leased = [address],
                LabelsPending = true,
            },
            default);
    }

    /// <summary>With an address of Docker's own IPAM: 198.18.0.x, x being the last character of the endpoint's name.</summary>
    public Task<Attachment> CreateForeignAsync(string endpoint) => node.Dataplane.PrepareAsync(
        new EndpointSpec
        {
            Id = IdOf(endpoint),
            Instance = endpoint,
            Network = network,
            Profiles = [network],
            Unmanaged = [new IPNetwork(new IPAddress([198, 18, 0, (byte)(endpoint[^1] - '0')]), 32)],
        },
        default);

    /// <summary>As <see cref="CreateEndpointAsync"/>; false: the address is another's.</summary>
    public async Task<bool> TryCreateEndpointAsync(string endpoint, IPAddress address)
    {
        try
        {
            await CreateEndpointAsync(endpoint, address);
            return true;
        }
        catch (CalicoException e) when (e.Problem is Problem.Conflict or Problem.AlreadyExists)
        {
            return false;
        }
    }

    /// <summary>The namespace is named only now, by its sandbox's key.</summary>
    public Task<Attachment> JoinAsync(string endpoint, string sandbox = "") =>
        node.Dataplane.AttachAsync(
            IdOf(endpoint), endpoint, Placement.HandedOver(LinkOf(endpoint), sandbox), TimeSpan.FromSeconds(1), default);

    public Task LabelsArriveAsync(string endpoint) =>
        node.Dataplane.UpdateAsync(IdOf(endpoint),
            new EndpointChange(ImmutableSortedDictionary<string, string>.Empty.Add("app", "web")), default);

    public Task ProgramPortsAsync(string endpoint, ImmutableArray<PublishedPort> ports) =>
        node.Dataplane.UpdateAsync(IdOf(endpoint), new EndpointChange(Ports: ports), default);

    public Task LeaveAsync(string endpoint) => node.Dataplane.DetachAsync(IdOf(endpoint), endpoint, default);

    public Task DeleteEndpointAsync(string endpoint) => node.Dataplane.RemoveAsync(IdOf(endpoint), endpoint, default);

    /// <summary>As ReleaseAddress: it has the address only.</summary>
    public async Task<ReleaseOutcome> ReleaseAddressAsync(IPAddress address) =>
        await node.Ipam.FindAsync(address, default) is { } lease ? await node.Ipam.ReleaseAsync(lease, default)
            : ReleaseOutcome.AlreadyFree;

    public static WorkloadEndpointId IdOf(string endpoint) => new("libnetwork", "libnetwork", endpoint);

    /// <summary>The temporary name under which the workload's end waits for dockerd.</summary>
    public static string LinkOf(string endpoint) => "temp" + endpoint[..Math.Min(11, endpoint.Length)];
}
