using System.Collections.Immutable;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>How a container is: its networks with their addresses, its counters.</summary>
internal sealed class ContainerState(ContainerBook book, IWorkloadNetwork network, IWorkloadDataplane dataplane)
{
    /// <summary>One that shares another's network is shown with that.</summary>
    public Task<ContainerView> StatusAsync(ContainerPath id, CancellationToken ct) => ViewAsync(book.Get(id), ct);

    public async Task<ContainerView> ViewAsync(ContainerRecord record, CancellationToken ct)
    {
        var interfaces = ImmutableArray.CreateBuilder<(string, NetworkRequest, Attachment?)>();
        var owner = record.SharesNetworkOf is { } id ? book.Find(id) : record;
        foreach (var (name, request) in owner?.Interfaces ?? [])
        {
            interfaces.Add((name, request, await network.FindAsync(ContainerPath.EndpointOf(owner!.Id, name), ct)));
        }

        return new(record, interfaces.ToImmutable());
    }

    /// <summary>Of interfaces that there are; one that has no link yet, or none any more, has no counters.</summary>
    public async Task<ImmutableArray<(string Interface, string Network, EndpointStats Stats)>> UsageAsync(ContainerPath id,
        CancellationToken ct)
    {
        var view = await StatusAsync(id, ct);
        var counters = ImmutableArray.CreateBuilder<(string, string, EndpointStats)>();
        foreach (var (name, request, endpoint) in view.Interfaces)
        {
            if (endpoint is { State: not EndpointState.Prepared })
            {
                counters.Add((name, request.Name, await dataplane.StatsAsync(endpoint.Id, ct)));
            }
        }

        return counters.ToImmutable();
    }
}
