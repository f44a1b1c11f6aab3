using System.Collections.Immutable;

namespace Calico.Host.Workloads;

/// <summary>One adapter's view of the connect transaction: it sees and changes its own endpoints only.</summary>
public sealed class AdapterWorkloads(string adapter, WorkloadConnector connector) : IWorkloadNetwork, IWorkloadDataplane
{
    public Task<Attachment> ConnectAsync(EndpointSpec spec, Placement place, CancellationToken ct)
    {
        Own(spec.Id);
        return connector.ConnectAsync(adapter, spec, place, ct);
    }

    public Task DisconnectAsync(WorkloadEndpointId id, string? instance, CancellationToken ct) =>
        IsOurs(id) ? connector.DisconnectAsync(id, instance, ct) : Task.CompletedTask;

    public Task<ImmutableArray<string>> CheckAsync(WorkloadEndpointId id, Attachment expected, CancellationToken ct)
    {
        Own(id);
        return connector.CheckAsync(id, expected, ct);
    }

    public Task<Attachment?> FindAsync(WorkloadEndpointId id, CancellationToken ct) =>
        Task.FromResult(connector.Book.TryFind(id, out var life) && life.Record.Adapter == adapter ? life.ToAttachment() : null);

    public Task<ImmutableArray<Attachment>> ListAsync(string? workloadPrefix, CancellationToken ct) =>
        Task.FromResult<ImmutableArray<Attachment>>([.. from life in connector.Book.All
            where life.Record.Adapter == adapter && (workloadPrefix is null || life.Record.Workload.StartsWith(workloadPrefix, StringComparison.Ordinal))
            orderby life.Record.Workload, life.Record.Endpoint
            select life.ToAttachment()]);

    public Task<int> CollectAsync(string network, LiveReport keep, CancellationToken ct) => connector.CollectAsync(adapter, network, keep, ct);

    public Task<Attachment> PrepareAsync(EndpointSpec spec, CancellationToken ct)
    {
        Own(spec.Id);
        return connector.PrepareAsync(adapter, spec, ct);
    }

    public Task<Attachment> AttachAsync(WorkloadEndpointId id, string instance, Placement place, TimeSpan wait, CancellationToken ct)
    {
        Own(id);
        return connector.AttachAsync(id, instance, place, wait, ct);
    }

    public Task UpdateAsync(WorkloadEndpointId id, EndpointChange change, CancellationToken ct)
    {
        Own(id);
        return connector.UpdateAsync(id, change, ct);
    }

    public Task DetachAsync(WorkloadEndpointId id, string? instance, CancellationToken ct) =>
        IsOurs(id) ? connector.DetachAsync(id, instance, ct) : Task.CompletedTask;

    public Task RemoveAsync(WorkloadEndpointId id, string? instance, CancellationToken ct) => DisconnectAsync(id, instance, ct);

    public IAsyncEnumerable<(EndpointState State, string Reason)> WatchAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        Own(id);
        return connector.Find(id).WatchAsync(ct);
    }

    public Task<EndpointStats> StatsAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        Own(id);
        return connector.StatsAsync(id, ct);
    }

    private bool IsOurs(WorkloadEndpointId id) => !connector.Book.TryFind(id, out var life) || life.Record.Adapter == adapter;

    private void Own(WorkloadEndpointId id)
    {
        if (!IsOurs(id))
        {
            throw new CalicoException(Problem.AlreadyExists, $"adapter '{connector.Find(id).Record.Adapter}' has endpoint {id}");
        }
    }
}
