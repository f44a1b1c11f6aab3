using System.Collections.Immutable;
using Calico.Host.Node;
using Calico.Host.Stages;
using Calico.Host.Timings;

namespace Calico.Host.Workloads;

/// <summary>One adapter's view of the connect transaction: it sees and changes its own endpoints only.</summary>
internal sealed class AdapterWorkloads(string adapter, WorkloadConnector connector, StartGate gate, DatastoreView view) : IWorkloadNetwork, IWorkloadDataplane
{
    public async Task<Attachment> ConnectAsync(EndpointSpec spec, Placement place, CancellationToken ct)
    {
        TimedCall.Current?.Enter("wait");
        await gate.PassNewAsync(ct);
        TimedCall.Current?.Enter("plan");
        Own(spec.Id);
        NotLocked();
        return await connector.ConnectAsync(adapter, spec, place, ct);
    }

    public async Task DisconnectAsync(WorkloadEndpointId id, string? instance, CancellationToken ct)
    {
        TimedCall.Current?.Enter("wait");
        await gate.PassAsync(ct);
        TimedCall.Current?.Enter("plan");
        if (IsOurs(id))
        {
            await connector.DisconnectAsync(id, instance, ct);
        }
    }

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

    public async Task<int> CollectAsync(string network, LiveReport keep, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        return await connector.CollectAsync(adapter, network, keep, ct);
    }

    public async Task<Attachment> PrepareAsync(EndpointSpec spec, CancellationToken ct)
    {
        await gate.PassNewAsync(ct);
        Own(spec.Id);
        NotLocked();
        return await connector.PrepareAsync(adapter, spec, ct);
    }

    public async Task<Attachment> AttachAsync(WorkloadEndpointId id, string instance, Placement place, TimeSpan wait, CancellationToken ct)
    {
        await gate.PassNewAsync(ct);
        Own(id);
        return await connector.AttachAsync(id, instance, place, wait, ct);
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

    /// <summary>Nothing new is begun in a store that is being moved; what is there goes on, and may go.</summary>
    private void NotLocked()
    {
        if (!view.DatastoreReady)
        {
            // Upstream's words.
            throw new CalicoException(Problem.Unavailable,
                "Calico is currently not ready to process requests: ClusterInformation 'default' is absent, or its datastoreReady is false (calicoctl datastore migrate unlock)");
        }
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
