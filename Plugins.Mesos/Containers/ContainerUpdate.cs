using System.Collections.Immutable;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Other labels, groups and ports of a container that runs.</summary>
internal sealed class ContainerUpdate(ContainerBook book, Netgroups netgroups, IWorkloadDataplane dataplane)
{
    /// <param name="id">Which.</param>
    /// <param name="changes">Checked; addresses are not looked at.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>What had no effect, by name.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: no such container, or no such network of it.</exception>
    public async Task<ImmutableArray<string>> UpdateAsync(ContainerPath id, ImmutableArray<NetworkRequest> changes, CancellationToken ct)
    {
        using var turn = await book.EnterAsync(id.Text, ct);
        var record = book.Get(id);
        if (record.SharesNetworkOf is { } owner)
        {
            return changes.IsEmpty ? [] : [$"network_infos: the network is that of container {owner}"];
        }

        foreach (var change in changes)
        {
            if (record.Networks.All(n => n.Name != change.Name))
            {
                throw new CalicoException(Problem.NotFound, $"container {id} has no network '{change.Name}'", "network_infos.name");
            }
        }

        ImmutableArray<NetworkRequest> networks =
            [.. record.Networks.Select(n => changes.FirstOrDefault(c => c.Name == n.Name) is { } change
            ? n with { Groups = change.Groups, Labels = change.Labels, Ports = change.Ports }
            : n)];
        var next = record with { Networks = networks };
        foreach (var (name, network) in next.Interfaces.Where(i => changes.Any(c => c.Name == i.Network.Name)))
        {
            var ports = network.PublishedPorts;
            var profiles = await netgroups.EnsureAsync(Netgroups.Of(network), ports, ct);
            await dataplane.UpdateAsync(ContainerPath.EndpointOf(record.Id, name), new(TaskLabels.Of(network.Labels), profiles, ports), ct);
        }

        // Last: what the log says was done.
        await book.PutAsync(next, ct);
        return [];
    }
}
