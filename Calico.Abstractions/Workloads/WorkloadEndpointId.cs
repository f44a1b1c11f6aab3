namespace Calico;

/// <summary>Upstream's identity of a workload endpoint on this node.</summary>
/// <param name="Orchestrator"><c>k8s</c>, <c>cni</c>, <c>libnetwork</c>, <c>mesos</c>, …</param>
/// <param name="Workload">Namespace.pod, container id, executor id.</param>
/// <param name="Endpoint">An interface name (CNI, Mesos) or Docker's endpoint id.</param>
public readonly record struct WorkloadEndpointId(string Orchestrator, string Workload, string Endpoint)
{
    /// <summary><c>orchestrator/workload/endpoint</c>.</summary>
    public override string ToString() => $"{Orchestrator}/{Workload}/{Endpoint}";
}
