using System.Net;
using Calico.Felix;

namespace Calico.Host.Workloads;

/// <summary>Records as Felix takes them.</summary>
internal static class LocalEndpoints
{
    public static LocalEndpoint From(EndpointRecord record) => new()
    {
        Id = record.Id,
        Namespace = record.Namespace,
        InterfaceName = record.HostInterface,
        Addresses = record.Networks,
        Mac = record.MacAddress,
        Profiles = record.Profiles,
        Labels = record.Labels
            .SetItem("projectcalico.org/namespace", record.Namespace)
            .SetItem("projectcalico.org/orchestrator", record.Orchestrator),
        LabelsPending = record.LabelsPending,
        AllowedSources = [.. record.AllowedSources.Select(s => IPNetwork.Parse(s))],
        Ports = [.. record.Ports.Where(p => p is { IsOff: false, Taken: > 0 }).Select(p => p.ToForwarded())],
        NamedPorts = [.. record.NamedPorts.Select(p => p.ToPort())],
    };
}
