using Calico.Shim.Wire;

namespace Calico.Plugins.Cni;

/// <summary>What a call came to.</summary>
/// <param name="Reply">For the shim.</param>
/// <param name="Undo">Takes back what the call made, should nobody read the reply; null: it made nothing.</param>
internal sealed record CallOutcome(ShimReply Reply, Func<CancellationToken, Task>? Undo = null);
