using System.Collections.Immutable;
using Calico.Datastore.Resources;

namespace Calico.Host.Workloads;

/// <summary>A record as the WorkloadEndpoint resource that other nodes read.</summary>
public static class WorkloadEndpointResource
{
    /// <summary>The resource, with a uid and creation time that follow from the record, so that writing it twice is the same.</summary>
    public static Resource<WorkloadEndpointSpec> From(EndpointRecord record, string nodeName, DateTimeOffset created)
    {
        var kubernetes = record.Orchestrator == "k8s";
        var pod = kubernetes ? record.Facts.GetValueOrDefault("pod") : null;
        return new()
        {
            Kind = "WorkloadEndpoint",
            Metadata = new()
            {
                Name = Name(record, nodeName),
                Namespace = record.Namespace,
                Uid = Uid(record),
                CreationTimestamp = created,
                Labels = record.Labels
                    .SetItem("projectcalico.org/namespace", record.Namespace)
                    .SetItem("projectcalico.org/orchestrator", record.Orchestrator),
                Annotations = record.Facts.GetValueOrDefault("name") is { Length: > 0 } told
                    ? ImmutableSortedDictionary<string, string>.Empty.Add(WorkloadEndpointSpec.NameAnnotation, told) : null,
            },
            Spec = new()
            {
                Orchestrator = record.Orchestrator,
                Workload = kubernetes ? null : record.Workload,
                Pod = pod,
                Node = nodeName,
                ContainerId = record.Facts.GetValueOrDefault("containerID") ?? record.Instance,
                Endpoint = record.Endpoint,
                ServiceAccountName = record.Facts.GetValueOrDefault("serviceAccountName"),
                IpNetworks = record.Addresses,
                Profiles = record.Profiles,
                InterfaceName = record.HostInterface,
                Mac = record.Mac,
                Ports = record.NamedPorts.Length == 0 ? null : [.. record.NamedPorts.Select(p => new WorkloadEndpointPort
                {
                    Name = p.Name,
                    Protocol = new NumberOrString(p.Protocol switch { 6 => "TCP", 17 => "UDP", 132 => "SCTP", _ => p.Protocol.ToString(System.Globalization.CultureInfo.InvariantCulture) }),
                    Port = p.Port,
                })],
                AllowSpoofedSourcePrefixes = record.AllowedSources.Length == 0 ? null : record.AllowedSources,
            },
        };
    }

    /// <summary>Upstream's name: node, orchestrator, workload and endpoint, each '-' doubled.</summary>
    public static string Name(EndpointRecord record, string nodeName)
    {
        var workload = record.Orchestrator switch
        {
            "k8s" => record.Facts.GetValueOrDefault("pod") ?? record.Workload,
            "libnetwork" => "libnetwork",
            _ => record.Workload,
        };
        return string.Join('-', new[] { nodeName, record.Orchestrator, workload, record.Endpoint }
            .Select(p => p.Replace("-", "--", StringComparison.Ordinal)));
    }

    /// <summary>The endpoint that such a resource is of.</summary>
    public static WorkloadEndpointId IdOf(Resource<WorkloadEndpointSpec> resource) => new(resource.Spec.Orchestrator ?? "",
        resource.Spec.Workload ?? $"{resource.Metadata.Namespace}.{resource.Spec.Pod}", resource.Spec.Endpoint ?? "");

    public static string KeyOf(string @namespace, string name) =>
        $"/calico/resources/v3/projectcalico.org/workloadendpoints/{@namespace}/{name}";

    public static ReadOnlyMemory<byte> Encode(Resource<WorkloadEndpointSpec> resource) =>
        ResourceKinds.All["WorkloadEndpoint"].Encode(resource);

    // Version 8 (RFC 9562 5.8): the layout is ours; it only has to be the same for the same life.
    private static string Uid(EndpointRecord record)
    {
        var digest = System.Security.Cryptography.SHA256.HashData(
            System.Text.Encoding.UTF8.GetBytes($"{record.Id} {record.Instance} {record.HostInterface}"));
        Span<byte> id = digest.AsSpan(0, 16);
        id[6] = (byte)((id[6] & 0x0f) | 0x80);
        id[8] = (byte)((id[8] & 0x3f) | 0x80);
        return new Guid(id, bigEndian: true).ToString();
    }
}
