namespace Calico;

/// <summary>Optional: an adapter that can ask its orchestrator what runs registers one. Without it, liveness is "our host-side link
/// still exists".</summary>
public interface ILiveWorkloads
{
    /// <summary>Asks the orchestrator now.</summary>
    Task<LiveReport> ListLiveAsync(CancellationToken ct);
}
