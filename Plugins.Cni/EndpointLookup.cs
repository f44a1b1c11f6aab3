using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Cni;

/// <summary>Which endpoint a call means.</summary>
internal sealed class EndpointLookup(IWorkloadNetwork network)
{
    public const string Kubernetes = "k8s";
    public const string Plain = "cni";

    /// <summary>Upstream's identity of what would be made.</summary>
    public static WorkloadEndpointId IdOf(CniCall call) => call.Args.IsKubernetes
        ? new(Kubernetes, $"{call.Args.PodNamespace}.{call.Args.PodName}", call.InterfaceName)
        : new(Plain, call.ContainerId, call.InterfaceName);

    /// <summary>The endpoint that is there, or the identity to make one under. A pod has one Calico interface, whatever it is called: its
    /// host side is named after the pod alone. So what is found may be another interface than the call means, <see cref="IsAnother"/>.
    /// </summary>
    public async Task<(WorkloadEndpointId Id, Attachment? Existing)> FindAsync(CniCall call, CancellationToken ct)
    {
        var id = IdOf(call);
        var existing = await network.FindAsync(id, ct);
        if (existing is null && call.Args.IsKubernetes)
        {
            foreach (var other in await network.ListAsync(id.Workload, ct))
            {
                if (other.Id.Orchestrator == Kubernetes && other.Id.Workload == id.Workload)
                {
                    return (other.Id, other);
                }
            }
        }

        return (id, existing);
    }

    /// <summary>Whether the container's interface is another than the call names. A new container of the pod may call its own as it likes:
    /// it replaces the old life.</summary>
    public static bool IsAnother(Attachment? existing, CniCall call) => existing is { PeerInterface.Length: > 0 }
        && existing.Instance == call.ContainerId && existing.PeerInterface != call.InterfaceName;
}
