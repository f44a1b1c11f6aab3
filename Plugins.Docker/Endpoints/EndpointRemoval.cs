using System.Collections.Immutable;
using Calico.Plugins.Docker.Addresses;
using Calico.Plugins.Docker.Networks;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Ends what dockerd will never ask for again.</summary>
internal sealed class EndpointRemoval(NetworkBook book, NetworkCalls networks, IWorkloadNetwork workloads, IWorkloadDataplane dataplane,
    IProfiles profiles, UnjoinedEndpoints unjoined, FreedAddresses freed)
{
    public Task<ImmutableArray<Attachment>> ListAsync(CancellationToken ct) => workloads.ListAsync(null, ct);

    /// <summary>Link, record, address; and the profile of a network that went before, which was kept for this endpoint.</summary>
    public async Task RemoveAsync(Attachment endpoint, CancellationToken ct)
    {
        await dataplane.RemoveAsync(endpoint.Id, endpoint.Instance, ct);
        unjoined.Remove(endpoint.Id.Endpoint);
        if (book.Find(endpoint.Network) is null)
        {
            await profiles.RemoveAsync(endpoint.Network, ct);
        }
    }

    /// <summary>Ends an endpoint that had a link and has none any more: its container died with a dockerd that was killed, or has left, and
    /// somebody wants its address.</summary>
    /// <returns>Whether it was so, and the address is free.</returns>
    public async Task<bool> TryEndLostAsync(WorkloadEndpointId? id, CancellationToken ct)
    {
        // Another adapter's is not found.
        if (id is not { } owner || unjoined.Contains(owner.Endpoint)
            || await workloads.FindAsync(owner, ct) is not { State: EndpointState.Prepared } lost)
        {
            return false;
        }

        await RemoveAsync(lost, ct);
        // Should dockerd speak of it after all, its release is not the next owner's.
        foreach (var address in lost.Addresses)
        {
            freed.Add(address.BaseAddress);
        }

        return true;
    }

    /// <summary>A network of this node's book.</summary>
    public Task RemoveNetworkAsync(string id, CancellationToken ct) => networks.DeleteAsync(new() { NetworkId = id }, ct);
}
