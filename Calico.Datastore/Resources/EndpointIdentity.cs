using System.Collections.Immutable;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Resources;

/// <summary>Which endpoint of its node a WorkloadEndpoint is of.</summary>
public static class EndpointIdentity
{
    /// <summary>The id as its orchestrator has it, where the resource's fields have it in another form (<see cref="StoredNames"/>).
    /// </summary>
    public const string Annotation = "net.calico/endpoint";

    /// <summary>The annotation's text: the id's parts, escaped, with '/' between.</summary>
    public static string Format(WorkloadEndpointId id) =>
        string.Join('/', new[] { id.Orchestrator, id.Workload, id.Endpoint }.Select(Uri.EscapeDataString));

    /// <summary>The endpoint that a resource is of; a pod without a workload's name is named by its namespace and name.</summary>
    public static WorkloadEndpointId Of(Resource<WorkloadEndpointSpec> resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        if (resource.Metadata.Annotations?.GetValueOrDefault(Annotation)?.Split('/') is [var orchestrator, var workload, var endpoint])
        {
            return new(Uri.UnescapeDataString(orchestrator), Uri.UnescapeDataString(workload), Uri.UnescapeDataString(endpoint));
        }

        var spec = resource.Spec;
        return new(spec.Orchestrator ?? "", spec.Workload ?? $"{resource.Metadata.Namespace}.{spec.Pod}", spec.Endpoint ?? "");
    }
}
