using System.Collections.Immutable;

namespace Calico;

/// <summary>The whole life of an endpoint in one call: all or nothing. For orchestrators whose plugin call is one (CNI).</summary>
/// <remarks>Idempotent by (id, instance). Safe to call concurrently; calls for one id run one after the other.</remarks>
public interface IWorkloadNetwork
{
    /// <summary>Prepare and attach, undone together. Returns when the kernel enforces the endpoint's policy.</summary>
    /// <exception cref="CalicoException">Any problem; then nothing is left behind.</exception>
    Task<Attachment> ConnectAsync(EndpointSpec spec, Placement place, CancellationToken ct);

    /// <summary>Removes link, endpoint and addresses. What is gone already is success; works with a dead store.</summary>
    /// <param name="id">Which endpoint.</param>
    /// <param name="instance">Which life; an older one frees only that life's addresses. Null: whatever is there.</param>
    /// <param name="ct">Ends the wait, not the removal.</param>
    Task DisconnectAsync(WorkloadEndpointId id, string? instance, CancellationToken ct);

    /// <summary>Differences between the record, the kernel and <paramref name="expected"/>; empty: good.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: no such endpoint.</exception>
    Task<ImmutableArray<string>> CheckAsync(WorkloadEndpointId id, Attachment expected, CancellationToken ct);

    /// <summary>The endpoint, from memory, or null. One of a split life whose link is gone is <see cref="EndpointState.Prepared"/> at once,
    /// also before anything else has come of that.</summary>
    Task<Attachment?> FindAsync(WorkloadEndpointId id, CancellationToken ct);

    /// <summary>This adapter's endpoints, from memory.</summary>
    /// <param name="workloadPrefix">Only workloads that start so; null: all.</param>
    /// <param name="ct">Cancels.</param>
    Task<ImmutableArray<Attachment>> ListAsync(string? workloadPrefix, CancellationToken ct);

    /// <summary>Removes this adapter's endpoints and leases of a network that are not in the report.</summary>
    /// <param name="network"><see cref="EndpointSpec.Network"/>.</param>
    /// <param name="keep">An incomplete report collects nothing.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>How many were removed.</returns>
    Task<int> CollectAsync(string network, LiveReport keep, CancellationToken ct);
}
