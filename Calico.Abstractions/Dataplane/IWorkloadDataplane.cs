namespace Calico;

/// <summary>The split life, for orchestrators that have one (Docker, Mesos).</summary>
/// <remarks>Every verb is idempotent by (id, instance), writes its intent to the node's log before the kernel or the store hears of
/// it, and may be called in any order after a crash of either side.</remarks>
public interface IWorkloadDataplane
{
    /// <summary>Claims or binds the addresses and records the endpoint. Nothing in the kernel yet.</summary>
    Task<Attachment> PrepareAsync(EndpointSpec spec, CancellationToken ct);

    /// <summary>Makes the pair, closed from its first moment. Returns when the kernel enforces, or after <paramref name="wait"/> with
    /// <see cref="EndpointState.Closed"/> and the reason; never open in between.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/> not prepared; <see cref="Problem.Conflict"/> another life is
    /// there; <see cref="Problem.Refused"/> the kernel said no.</exception>
    Task<Attachment> AttachAsync(WorkloadEndpointId id, string instance, Placement place, TimeSpan wait, CancellationToken ct);

    /// <summary>Changes labels, profiles or ports.</summary>
    Task UpdateAsync(WorkloadEndpointId id, EndpointChange change, CancellationToken ct);

    /// <summary>Takes the pair away, keeps endpoint and addresses. Unknown id: success.</summary>
    Task DetachAsync(WorkloadEndpointId id, string? instance, CancellationToken ct);

    /// <summary>Detaches, unbinds, frees its own claim and every lease whose release was deferred. Unknown id: success.</summary>
    Task RemoveAsync(WorkloadEndpointId id, string? instance, CancellationToken ct);

    /// <summary>The current state first, then each change, until removed.</summary>
    IAsyncEnumerable<(EndpointState State, string Reason)> WatchAsync(WorkloadEndpointId id, CancellationToken ct);

    /// <summary>Counters.</summary>
    Task<EndpointStats> StatsAsync(WorkloadEndpointId id, CancellationToken ct);
}
