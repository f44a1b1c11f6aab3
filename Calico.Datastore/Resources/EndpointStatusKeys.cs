using System.Diagnostics.CodeAnalysis;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources;

/// <summary>Where upstream's Felix says how the endpoints of its node are, for those that read it there.</summary>
public static class EndpointStatusKeys
{
    /// <summary>The region of a cluster that has none.</summary>
    public const string NoRegion = "no-region";

    /// <summary>All workload endpoints of a node.</summary>
    /// <param name="region">As <see cref="Region"/> makes it.</param>
    /// <param name="node">Name of the node.</param>
    public static string Workloads(string region, string node) => $"/calico/felix/v2/{region}/host/{node}/workload/";

    /// <summary>All host endpoints of a node. These have no region, and the former version in their path.</summary>
    public static string HostEndpoints(string node) => $"/calico/felix/v1/host/{node}/endpoint/";

    /// <summary>What an OpenStack region is in a key.</summary>
    public static string Region(string? openstackRegion) => string.IsNullOrEmpty(openstackRegion) ? NoRegion : $"region-{openstackRegion}";

    /// <summary>The key of a workload endpoint. Its parts are those of the resource's name, the workload's behind its namespace.</summary>
    /// <returns>False: the name is no workload endpoint's.</returns>
    public static bool TryOfWorkload(string region, string node, ResourceKey endpoint, [NotNullWhen(true)] out string? key)
    {
        key = null;
        if (!WorkloadEndpointName.TryParse(endpoint.Name, out var name) || name.Endpoint.Length == 0)
        {
            return false;
        }

        var workload = new[] { name.Pod, name.ContainerId, name.Workload }.FirstOrDefault(part => part.Length > 0, name.Orchestrator);
        var (orchestrator, id) = (Escape(name.Orchestrator), Escape($"{endpoint.Namespace}/{workload}"));
        key = $"{Workloads(region, node)}{orchestrator}/{id}/endpoint/{Escape(name.Endpoint)}";
        return true;
    }

    /// <summary>The key of a host endpoint.</summary>
    public static string OfHostEndpoint(string node, string name) => HostEndpoints(node) + Escape(name);

    /// <summary>The value.</summary>
    /// <param name="status"><c>up</c>, <c>down</c> or <c>error</c>.</param>
    public static string Value(string status) => $"{{\"status\":\"{status}\"}}";

    // Upstream's own escapes of its former keys, these two and no other.
    private static string Escape(string part) =>
        part.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2f", StringComparison.Ordinal);
}
