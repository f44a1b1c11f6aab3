using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;

namespace Calico.Cli.Endpoints;

/// <summary>What people call a workload endpoint: its container's or pod's name where somebody told it, else a short id.</summary>
internal static class EndpointName
{
    private const int ShortLength = 12;

    private const string DockersNetwork = "docker.network";

    /// <summary>Name for messages: <c>web</c>, <c>shop/web-0</c> of a pod, <c>7f7c44f8b919</c>; with what tells it from the container's
    /// other endpoints (<see cref="Which"/>).</summary>
    internal static string Of(Resource<WorkloadEndpointSpec> endpoint)
    {
        var name = Told(endpoint) is not { } told ? ShortId(endpoint)
            : endpoint.Spec.Pod is { Length: > 0 } ? $"{endpoint.Metadata.Namespace}/{told}" : told;
        return name + Which(endpoint);
    }

    /// <summary>Which of the container's endpoints it is: of Docker's by the network's name, as users know it (<c>:blue</c>), of others
    /// by the interface, when it is not the first.</summary>
    internal static string Which(Resource<WorkloadEndpointSpec> endpoint) =>
        endpoint.Spec.Orchestrator == "libnetwork"
            ? ":" + (endpoint.Metadata.Labels?.GetValueOrDefault(DockersNetwork) is { Length: > 0 } network ? network
                : Shorten(endpoint.Spec.Endpoint ?? ""))
        : endpoint.Spec.Endpoint is null or "" or "eth0" ? "" : $":{endpoint.Spec.Endpoint}";

    /// <summary>The name that the runtime told; null: none.</summary>
    internal static string? Told(Resource<WorkloadEndpointSpec> endpoint) =>
        endpoint.Spec.Pod is { Length: > 0 } pod
            // In another form than its own, the workload's name says it.
            ? pod.StartsWith(StoredNames.Mark, StringComparison.Ordinal)
            && endpoint.Spec.Workload is { Length: > 0 } workload ? workload : pod
        : endpoint.Metadata.Annotations?.GetValueOrDefault(WorkloadEndpointSpec.NameAnnotation) is { Length: > 0 } name ? name : null;

    /// <summary>The id of the container or workload; the first twelve digits of a long one.</summary>
    internal static string ShortId(Resource<WorkloadEndpointSpec> endpoint) => Shorten(IdOf(endpoint));

    /// <summary>The id in full.</summary>
    internal static string IdOf(Resource<WorkloadEndpointSpec> endpoint) =>
        endpoint.Spec is { Orchestrator: "cni", Workload.Length: > 0 } ? endpoint.Spec.Workload
        : endpoint.Spec.ContainerId is { Length: > 0 } container ? container
        : endpoint.Spec.Workload ?? endpoint.Spec.Pod ?? endpoint.Metadata.Name;

    /// <summary>The first twelve digits of a long id; any other text as it is.</summary>
    internal static string Shorten(string id) => id.Length > ShortLength * 2 && id.All(char.IsAsciiHexDigit) ? id[..ShortLength] : id;
}
