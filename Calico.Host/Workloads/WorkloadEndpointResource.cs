using System.Collections.Immutable;
using System.Globalization;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;

namespace Calico.Host.Workloads;

/// <summary>A record as the WorkloadEndpoint resource that other nodes read.</summary>
internal static class WorkloadEndpointResource
{
    /// <summary>The resource, with a uid and creation time that follow from the record, so that writing it twice is the same.</summary>
    public static Resource<WorkloadEndpointSpec> From(EndpointRecord record, string nodeName, DateTimeOffset created)
    {
        var (name, stored) = Parts(record, nodeName);
        var resource = Kinds.WorkloadEndpoint.New(
            new ObjectMeta
            {
                Name = stored,
                Namespace = record.Namespace,
                Uid = Uid(record),
                CreationTimestamp = created,
                Labels = record.Labels
                    .SetItem("projectcalico.org/namespace", record.Namespace)
                    .SetItem("projectcalico.org/orchestrator", record.Orchestrator),
                Annotations = record.Facts.GetValueOrDefault("name") is { Length: > 0 } told
                    ? ImmutableSortedDictionary<string, string>.Empty.Add(WorkloadEndpointSpec.NameAnnotation, told) : null,
            },
            new WorkloadEndpointSpec
            {
                Orchestrator = record.Orchestrator,
                Workload = Workload(record, name),
                Pod = record.Orchestrator == "k8s" ? name.Pod : null,
                Node = nodeName,
                ContainerId = name.ContainerId,
                Endpoint = name.Endpoint,
                ServiceAccountName = record.Facts.GetValueOrDefault("serviceAccountName"),
                IpNetworks = record.Addresses,
                Profiles = record.Profiles,
                InterfaceName = record.HostInterface,
                Mac = record.Mac,
                Ports = Ports(record),
                AllowSpoofedSourcePrefixes = record.AllowedSources.Length == 0 ? null : record.AllowedSources,
            });
        if (EndpointIdentity.Of(resource) == record.Id)
        {
            return resource;
        }

        var annotations = (resource.Metadata.Annotations ?? ImmutableSortedDictionary<string, string>.Empty)
            .Add(EndpointIdentity.Annotation, EndpointIdentity.Format(record.Id));
        return resource with { Metadata = resource.Metadata with { Annotations = annotations } };
    }

    /// <summary>Upstream's name: node, orchestrator, workload and endpoint, each '-' doubled, each in the form that readers take.</summary>
    public static string Name(EndpointRecord record, string nodeName) => Parts(record, nodeName).Text;

    /// <summary>Whether what will be written of a life is what readers take, asked before anything is claimed for it.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the field.</exception>
    public static void Check(EndpointRecord outline, string nodeName) => _ = Encode(From(outline, nodeName, default));

    /// <summary>What makes up the name. Where all of it is too long for a name, the workload's part has its short form, then the
    /// endpoint's; a node's name cannot have one, because its node looks for it.</summary>
    private static (WorkloadEndpointName Name, string Text) Parts(EndpointRecord record, string nodeName)
    {
        var workload = record.Orchestrator == "k8s" ? record.Facts.GetValueOrDefault("pod") ?? record.Workload : record.Workload;
        var container = record.Facts.GetValueOrDefault("containerID") ?? record.Instance;
        var name = new WorkloadEndpointName
        {
            Node = nodeName,
            Orchestrator = record.Orchestrator,
            Pod = StoredNames.Subdomain(workload),
            ContainerId = StoredNames.ContainerId(record.Orchestrator == "cni" ? record.Workload : container),
            Workload = StoredNames.Subdomain(workload),
            Endpoint = StoredNames.Subdomain(record.Endpoint),
        };
        if (Text(name) is { Length: <= StoredNames.MaxLength } text)
        {
            return (name, text);
        }

        var digest = StoredNames.Digest(workload);
        name = name with { Pod = digest, Workload = digest, ContainerId = record.Orchestrator == "cni" ? digest : name.ContainerId };
        if (Text(name) is { Length: <= StoredNames.MaxLength } shorter)
        {
            return (name, shorter);
        }

        name = name with { Endpoint = StoredNames.Digest(record.Endpoint) };
        return (name, Text(name));

        string Text(WorkloadEndpointName parts) => parts.TryFormat(allowPrefix: false, out var formatted, out var wrong)
            ? formatted
            : throw new CalicoException(Problem.Invalid, $"{record.Id}: its {wrong} cannot be part of a WorkloadEndpoint's name", wrong);
    }

    /// <summary>What people are shown as the workload; of a pod its name says it, unless that has another form here.</summary>
    private static string? Workload(EndpointRecord record, WorkloadEndpointName name) => record.Orchestrator switch
    {
        "k8s" => $"{record.Namespace}.{name.Pod}" == record.Workload ? null : record.Workload,
        "cni" or "libnetwork" => record.Workload,
        _ => name.Workload,
    };

    public static string KeyOf(string @namespace, string name) => Kinds.WorkloadEndpoint.Path(Kinds.WorkloadEndpoint.Key(@namespace, name));

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: other nodes would not take it.</exception>
    public static ReadOnlyMemory<byte> Encode(Resource<WorkloadEndpointSpec> resource) =>
        Kinds.WorkloadEndpoint.EncodeValid(resource);

    /// <summary>Ports with names, which policy may ask for, then those that the host leads here, which have none.</summary>
    private static ImmutableArray<WorkloadEndpointPort>? Ports(EndpointRecord record)
    {
        ImmutableArray<WorkloadEndpointPort> ports =
        [
            .. record.NamedPorts.Select(p => new WorkloadEndpointPort { Name = p.Name, Protocol = Protocol(p.Protocol), Port = p.Port }),
            .. record.Ports.Where(p => p.Taken > 0).Select(p => new WorkloadEndpointPort
            {
                Protocol = Protocol(p.Protocol), Port = p.ContainerPort, HostPort = p.Taken, HostIp = p.HostIp,
            }),
        ];
        return ports.IsEmpty ? null : ports;
    }

    private static NumberOrString Protocol(int number) =>
        new(number switch { 6 => "TCP", 17 => "UDP", 132 => "SCTP", _ => number.ToString(CultureInfo.InvariantCulture) });

    // Version 8 (RFC 9562 5.8): the layout is ours; it only has to be the same for the same life.
    private static string Uid(EndpointRecord record)
    {
        var digest = System.Security.Cryptography.SHA256.HashData(
            System.Text.Encoding.UTF8.GetBytes($"{record.Id} {record.Instance} {record.HostInterface}"));
        var id = digest.AsSpan(0, 16);
        id[6] = (byte)((id[6] & 0x0f) | 0x80);
        id[8] = (byte)((id[8] & 0x3f) | 0x80);
        return new Guid(id, bigEndian: true).ToString();
    }
}
