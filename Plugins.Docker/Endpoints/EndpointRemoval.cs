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

    /// <summary>Does what somebody was refused because another endpoint has what he wants (an address of Docker's own IPAM, a port) once
    /// more, if endpoints were lost, which are ended first: of those dockerd tells nothing, not even by a release.</summary>
    public async Task<T> WithoutLostAsync<T>(Func<Task<T>> act, CancellationToken ct)
    {
        try
        {
            return await act();
        }
        catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
        {
            var ended = false;
            foreach (var endpoint in await ListAsync(ct))
            {
                ended |= await TryEndLostAsync(endpoint.Id, ct);
            }

            if (!ended)
            {
                throw;
            }
        }

        return await act();
    }

    /// <summary>One that dockerd ends itself. Its addresses' release, which follows, is not the next owner's.</summary>
    public async Task EndAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        var before = await workloads.FindAsync(id, ct);
        await dataplane.RemoveAsync(id, id.Endpoint, ct);
        unjoined.Remove(id.Endpoint);
        foreach (var address in before?.Addresses ?? [])
        {
            freed.Add(address.BaseAddress);
        }
    }

    /// <summary>A network of this node's book.</summary>
    public Task RemoveNetworkAsync(string id, CancellationToken ct) => networks.DeleteAsync(new() { NetworkId = id }, ct);
}
