using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Calico.Host.Stages;
using Calico.Host.Timings;
using Calico.Host.Workloads.Profiles;

namespace Calico.Host.Workloads;

/// <summary>One adapter's view of the connect transaction: it sees and changes its own endpoints only.</summary>
/// <remarks>Questions pass the gate as changes do: before it opens, what the node knows has not all been read, and "there is none" would be
/// an answer to act upon.</remarks>
/// <param name="adapter">Whose.</param>
/// <param name="connector">Does it.</param>
/// <param name="gate">Opens when the node knows what it has.</param>
/// <param name="view">Whether the datastore is locked.</param>
/// <param name="find">The profile that stands; see <see cref="HostProfiles.Find"/>.</param>
internal sealed class AdapterWorkloads(string adapter, WorkloadConnector connector, StartGate gate, DatastoreView view,
    Func<ResourceKey, SyncUpdate?> find) : IWorkloadNetwork, IWorkloadDataplane
{
    public async Task<Attachment> ConnectAsync(EndpointSpec spec, Placement place, CancellationToken ct)
    {
        TimedCall.Current?.Enter("wait");
        await gate.PassNewAsync(ct);
        TimedCall.Current?.Enter("plan");
        Own(spec.Id);
        NotLocked();
        return await connector.ConnectAsync(adapter, spec with { Profiles = Ruling(spec.Profiles) }, place, ct);
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

    public async Task<ImmutableArray<string>> CheckAsync(WorkloadEndpointId id, Attachment expected, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        Own(id);
        return await connector.CheckAsync(id, expected, ct);
    }

    public async Task<Attachment?> FindAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        if (!connector.Book.TryFind(id, out var life) || life.Record.Adapter != adapter)
        {
            return null;
        }

        // Read in this order: a link that is being made is not one that was lost.
        var found = life.ToAttachment();
        return life.Record is { SplitLife: true, Placed: true, Complete: true } record && !connector.HasLink(record)
            ? found with { State = EndpointState.Prepared, Reason = $"its interface {record.HostInterface} is gone" }
            : found;
    }

    public async Task<ImmutableArray<Attachment>> ListAsync(string? workloadPrefix, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        return [.. from life in connector.Book.All
            where life.Record.Adapter == adapter
            && (workloadPrefix is null || life.Record.Workload.StartsWith(workloadPrefix, StringComparison.Ordinal))
            orderby life.Record.Workload, life.Record.Endpoint
            select life.ToAttachment()];
    }

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
        return await connector.PrepareAsync(adapter, spec with { Profiles = Ruling(spec.Profiles) }, ct);
    }

    public async Task<Attachment> AttachAsync(WorkloadEndpointId id, string instance, Placement place, TimeSpan wait, CancellationToken ct)
    {
        await gate.PassNewAsync(ct);
        Own(id);
        return await connector.AttachAsync(id, instance, place, wait, ct);
    }

    public async Task UpdateAsync(WorkloadEndpointId id, EndpointChange change, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        Own(id);
        await connector.UpdateAsync(id, change with { Profiles = change.Profiles is { } profiles ? Ruling(profiles) : null }, ct);
    }

    public async Task DetachAsync(WorkloadEndpointId id, string? instance, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        if (IsOurs(id))
        {
            await connector.DetachAsync(id, instance, ct);
        }
    }

    public Task RemoveAsync(WorkloadEndpointId id, string? instance, CancellationToken ct) => DisconnectAsync(id, instance, ct);

    public async IAsyncEnumerable<(EndpointState State, string Reason)> WatchAsync(WorkloadEndpointId id,
        [EnumeratorCancellation] CancellationToken ct)
    {
        await gate.PassAsync(ct);
        Own(id);
        await foreach (var change in connector.Find(id).WatchAsync(ct))
        {
            yield return change;
        }
    }

    public async Task<EndpointStats> StatsAsync(WorkloadEndpointId id, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        Own(id);
        return await connector.StatsAsync(id, ct);
    }

    /// <summary>Nothing new is begun in a store that is being moved; what is there goes on, and may go.</summary>
    private void NotLocked()
    {
        if (!view.DatastoreReady)
        {
            // Upstream's words.
            throw new CalicoException(Problem.Unavailable,
                "Calico is currently not ready to process requests: ClusterInformation 'default' is absent, or its datastoreReady is "
                    + "false (calicoctl datastore migrate unlock)");
        }
    }

    private ImmutableArray<string> Ruling(ImmutableArray<string> profiles) => AdapterProfile.Ruling(profiles, find);

    private bool IsOurs(WorkloadEndpointId id) => !connector.Book.TryFind(id, out var life) || life.Record.Adapter == adapter;

    private void Own(WorkloadEndpointId id)
    {
        if (!IsOurs(id))
        {
            throw new CalicoException(Problem.AlreadyExists, $"adapter '{connector.Find(id).Record.Adapter}' has endpoint {id}");
        }
    }
}
