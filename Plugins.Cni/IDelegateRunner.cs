using Calico.Shim.Wire;

namespace Calico.Plugins.Cni;

/// <summary>Runs another CNI plugin where CNI_PATH is known: in the shim, by way of its connection.</summary>
internal interface IDelegateRunner
{
    Task<DelegateOutcome> RunAsync(DelegateRequest request, CancellationToken ct);
}
