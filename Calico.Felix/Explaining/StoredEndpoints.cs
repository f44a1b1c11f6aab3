using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Calculation;

namespace Calico.Felix.Explaining;

/// <summary>Endpoints of the store as a graph takes them for its node's own.</summary>
internal static class StoredEndpoints
{
    /// <summary>Tells the graph everything that is stored.</summary>
    /// <param name="graph">A new one.</param>
    /// <param name="stored">Every resource, also those that cannot be read.</param>
    /// <param name="isOwn">Endpoints of which programs are wanted.</param>
    /// <returns>Those, by the id that they were given.</returns>
    public static Dictionary<WorkloadEndpointId, ResourceKey> Tell(CalculationGraph graph, IEnumerable<SyncUpdate> stored,
        Func<WorkloadEndpointSpec, bool> isOwn)
    {
        var ids = new Dictionary<WorkloadEndpointId, ResourceKey>();
        var others = ImmutableArray.CreateBuilder<SyncUpdate>();
        foreach (var update in stored)
        {
            if (!Kinds.WorkloadEndpoint.Owns(update.Key))
            {
                others.Add(update);
            }
            else if (Kinds.WorkloadEndpoint.TryRead(update, out var endpoint))
            {
                if (!isOwn(endpoint.Spec))
                {
                    others.Add(update);
                    continue;
                }

                // The resource's name says node, orchestrator, workload and interface, so it is nobody else's.
                var id = new WorkloadEndpointId(endpoint.Spec.Orchestrator ?? "", $"{update.Key.Namespace}/{update.Key.Name}",
                    endpoint.Spec.Endpoint ?? "");
                ids[id] = update.Key;
                graph.Set(LocalOf(id, endpoint));
            }
        }

        graph.Apply(new(SyncStatus.InSync, 1, others.ToImmutable()));
        return ids;
    }

    private static LocalEndpoint LocalOf(WorkloadEndpointId id, Resource<WorkloadEndpointSpec> endpoint) => new()
    {
        Id = id,
        Namespace = endpoint.Metadata.Namespace ?? "",
        InterfaceName = endpoint.Spec.InterfaceName ?? id.Workload,
        Addresses = [.. RemoteEndpoints.ParseAddresses(endpoint.Spec)
            .Select(cidr => new IPNetwork(cidr.FirstAddress(), cidr.IsIpv6 ? 128 : 32))],
        Profiles = endpoint.Spec.Profiles ?? [],
        Labels = endpoint.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty,
#pragma warning disable RS0030 // The contract's type of a protocol number; nothing is opened.
        NamedPorts = [.. RemoteEndpoints.ParsePorts(endpoint.Spec)
            .Select(port => new NamedPort(port.Name, (System.Net.Sockets.ProtocolType)port.Protocol, port.Port))],
#pragma warning restore RS0030
        ServiceAccount = endpoint.Spec.ServiceAccountName ?? "",
    };
}
