namespace Calico;

/// <summary>Optional: an adapter that can ask its orchestrator what runs registers one. Without it, liveness is "our host-side link
/// still exists".</summary>
/// <remarks>
/// The host asks when it is ready and every so often, one question at a time, and waits five seconds. A complete report ends every endpoint
/// of the adapter that stood before the question and that it does not name, at once. So the adapter names also what it is connecting, what
/// has been missing for too short a time, and what it is not the orchestrator's business to know: whoever is in doubt lives. An unbound
/// lease is collected by its age only if no report names its address and a complete one was made after it.
/// </remarks>
public interface ILiveWorkloads
{
    /// <summary>Asks the orchestrator now.</summary>
    /// <exception cref="CalicoException">It cannot be asked; said in health, and nothing is collected.</exception>
    Task<LiveReport> ListLiveAsync(CancellationToken ct);
}
