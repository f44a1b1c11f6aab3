using Calico.Plugins.Docker.Networks;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Ends what dockerd will never ask for again.</summary>
internal sealed class EndpointRemoval(NetworkBook book, NetworkCalls networks, IWorkloadDataplane dataplane, IProfiles profiles)
{
    /// <summary>Link, record, address; and the profile of a network that went before, which was kept for this endpoint.</summary>
    public async Task RemoveAsync(Attachment endpoint, CancellationToken ct)
    {
        await dataplane.RemoveAsync(endpoint.Id, endpoint.Instance, ct);
        if (book.Find(endpoint.Network) is null)
        {
            await profiles.RemoveAsync(endpoint.Network, ct);
        }
    }

    /// <summary>A network of this node's book.</summary>
    public Task RemoveNetworkAsync(string id, CancellationToken ct) => networks.DeleteAsync(new() { NetworkId = id }, ct);
}
