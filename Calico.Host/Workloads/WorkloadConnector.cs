using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Store;
using Calico.Ipam;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <summary>The connect transaction: addresses, record, link and policy, all or nothing; and its inverse.</summary>
/// <remarks>
/// Who else writes what this writes:
/// - the store's WorkloadEndpoint: <see cref="EndpointPublisher"/> repairs it from the record, so a lost write here is no loss;
/// - host routes: the dataplane's reconciler adds them too, whoever is second finds them there;
/// - the workload's namespace: the runtime deletes it whenever it likes, which takes the pair along.
/// A crash between any two steps leaves the record (written first) and at most what follows from it; a retry or the collection at the
/// next start finishes or removes it.
/// </remarks>
public sealed partial class WorkloadConnector(EndpointBook book, NodeIpam ipam, INodeLog log, IKeyValueStore store, IKernelSide kernel,
    NodeFacts node, TimeProvider time, ILogger<WorkloadConnector> logger)
{
    /// <summary>How long an undo or a removal may take after its caller has gone.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    /// <summary>How long an endpoint that was answered closed may take to be enforced before it counts as failed.</summary>
    private static readonly TimeSpan PublishTime = TimeSpan.FromMinutes(1);

    /// <summary>How long the store may keep a record of foreign addresses waiting before it goes to the log alone.</summary>
    private static readonly TimeSpan StorePatience = TimeSpan.FromMilliseconds(50);

    public EndpointBook Book => book;

    /// <summary>Takes the endpoints from the node log into the book, before anything else is asked. What was complete is closed until
    /// the kernel is known to enforce it.</summary>
    /// <param name="damaged">Is told of each record that cannot be read.</param>
    public void Restore(Action<CalicoException> damaged)
    {
        foreach (var (key, value) in log.List(EndpointRecord.Section))
        {
            try
            {
                var record = EndpointRecord.Read(key, value);
                book.Add(new(record, record.Complete ? EndpointState.Closed : EndpointState.Prepared));
            }
            catch (CalicoException e)
            {
                damaged(e);
            }
        }
    }

    /// <summary>After a restart: endpoints whose pair stands as their record says are whole, also when the note of it did not reach the
    /// disk before the crash. The rest waits for a retry, or is collected.</summary>
    public async Task AdoptAsync(CancellationToken ct)
    {
        foreach (var life in book.All.Where(l => l.Record.Placed && l.Record.BootId == node.BootId && kernel.LinkExists(l.Record.HostInterface)))
        {
            var record = life.Record;
            if (record.Complete || (await kernel.CheckAsync(record, ct)).IsEmpty)
            {
                life.Replace(record with { Complete = true });
                life.Move(EndpointState.Enforced);
            }
        }
    }

    /// <summary>Prepares and attaches, undone together.</summary>
    public async Task<Attachment> ConnectAsync(string adapter, EndpointSpec spec, Placement place, CancellationToken ct)
    {
        EndpointSpecRules.Check(spec, place);
        using var hold = await book.Locks.EnterAsync(spec.Id, ct);
        if (book.TryFind(spec.Id, out var life))
        {
            if (IsSameLife(life, spec, place) && life.Record.Complete && life.Status.State == EndpointState.Enforced)
            {
                return life.ToAttachment();
            }

            await RemoveHeldAsync(life, ct);
        }

        life = await PrepareHeldAsync(adapter, spec, place, ct);
        try
        {
            await AttachHeldAsync(life, place, ct);
        }
        catch (Exception first)
        {
            await UndoAsync(life, first);
            throw;
        }

        return life.ToAttachment();
    }

    /// <summary>Claims or binds the addresses and records the endpoint.</summary>
    public async Task<Attachment> PrepareAsync(string adapter, EndpointSpec spec, CancellationToken ct)
    {
        EndpointSpecRules.Check(spec, null);
        using var hold = await book.Locks.EnterAsync(spec.Id, ct);
        if (book.TryFind(spec.Id, out var life))
        {
            if (life.Record.Instance == spec.Instance)
            {
                return life.ToAttachment();
            }

            await RemoveHeldAsync(life, ct);
        }

        return (await PrepareHeldAsync(adapter, spec, null, ct)).ToAttachment();
    }

    /// <summary>Makes the pair; returns when the kernel enforces, or after <paramref name="wait"/> closed.</summary>
    public async Task<Attachment> AttachAsync(WorkloadEndpointId id, string instance, Placement place, TimeSpan wait, CancellationToken ct)
    {
        EndpointSpecRules.Check(place);
        using var hold = await book.Locks.EnterAsync(id, ct);
        var life = Find(id);
        if (life.Record.Instance != instance)
        {
            throw new CalicoException(Problem.Conflict, $"{id} is another life now: {life.Record.Instance}, not {instance}");
        }

        if (life.Record.Complete && life.Status.State == EndpointState.Enforced && IsSamePlace(life.Record, place))
        {
            return life.ToAttachment();
        }

        var placed = WithPlace(life.Record, place);
        await log.CommitAsync([placed.ToWrite()], ct);
        life.Replace(placed);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(wait);
        try
        {
            await AttachHeldAsync(life, place, limit.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Closed, not open: nothing passes until the publication, which stays asked for, is in the kernel.
            life.Move(EndpointState.Closed, "the kernel does not enforce its policy yet");
            _ = FinishLaterAsync(life);
        }

        return life.ToAttachment();
    }

    /// <summary>Changes labels, profiles or ports.</summary>
    public async Task UpdateAsync(WorkloadEndpointId id, EndpointChange change, CancellationToken ct)
    {
        using var hold = await book.Locks.EnterAsync(id, ct);
        var life = Find(id);
        var next = life.Record with
        {
            Labels = change.Labels ?? life.Record.Labels,
            LabelsPending = life.Record.LabelsPending && change.Labels is null,
            Profiles = change.Profiles ?? life.Record.Profiles,
            Ports = change.Ports is { } ports ? [.. ports.Select(PublishedPortRecord.From)] : life.Record.Ports,
        };
        await CommitRecordAsync(next, ct);
        life.Replace(next);
        if (next.Placed)
        {
            Judge(life, await kernel.PublishAsync(LocalEndpoints.From(next), ct));
        }
    }

    /// <summary>Takes the pair away, keeps endpoint and addresses.</summary>
    public async Task DetachAsync(WorkloadEndpointId id, string? instance, CancellationToken ct)
    {
        using var hold = await book.Locks.EnterAsync(id, ct);
        if (!book.TryFind(id, out var life) || (instance is not null && life.Record.Instance != instance) || !life.Record.Placed)
        {
            return;
        }

        await kernel.WithdrawAsync(id, ct);
        await kernel.UnwireAsync(life.Record, ct);
        var next = life.Record with { Placed = false, Complete = false, NamespaceIdentity = 0, NamespacePath = null, PeerInterface = "" };
        await log.CommitAsync([next.ToWrite()], ct);
        life.Replace(next);
        life.Move(EndpointState.Prepared);
    }

    /// <summary>Removes link, endpoint and addresses. The removal goes on when the caller stops waiting.</summary>
    public Task DisconnectAsync(WorkloadEndpointId id, string? instance, CancellationToken ct) =>
        RemoveAsync(id, instance).WaitAsync(ct);

    public async Task<ImmutableArray<string>> CheckAsync(WorkloadEndpointId id, Attachment expected, CancellationToken ct)
    {
        var life = Find(id);
        var differences = ImmutableArray.CreateBuilder<string>();
        var found = life.ToAttachment();
        foreach (var address in expected.Addresses.Where(a => !found.Addresses.Contains(a)))
        {
            differences.Add($"address {address} is expected; {id} has {string.Join(", ", found.Addresses)}");
        }

        if (expected.HostInterface.Length > 0 && expected.HostInterface != found.HostInterface)
        {
            differences.Add($"host interface {expected.HostInterface} is expected; it is {found.HostInterface}");
        }

        if (found.State != EndpointState.Enforced)
        {
            differences.Add($"its policy is not enforced: {found.State}{(found.Reason.Length > 0 ? ", " + found.Reason : "")}");
        }

        differences.AddRange(await kernel.CheckAsync(life.Record, ct));
        return differences.ToImmutable();
    }

    public Task<EndpointStats> StatsAsync(WorkloadEndpointId id, CancellationToken ct) => kernel.StatsAsync(Find(id).Record, ct);

    public EndpointLife Find(WorkloadEndpointId id) =>
        book.TryFind(id, out var life) ? life : throw new CalicoException(Problem.NotFound, $"there is no endpoint {id} on this node");

    private static void Judge(EndpointLife life, EndpointState state) =>
        life.Move(state, state == EndpointState.Closed ? "a selector in force needs labels that have not come yet" : "");

    private static EndpointRecord WithPlace(EndpointRecord record, Placement place) => record with
    {
        PeerInterface = place.InterfaceName,
        NamespaceIdentity = place.Namespace?.Identity ?? 0,
        NamespacePath = place.Namespace?.ToString(),
        Placed = true,
        Complete = false,
    };

    private static bool IsSamePlace(EndpointRecord record, Placement place) =>
        record.PeerInterface == place.InterfaceName && record.NamespaceIdentity == (place.Namespace?.Identity ?? 0);

    // The same container after a stop without DEL comes with the same id and instance, but in a new namespace.
    private bool IsSameLife(EndpointLife life, EndpointSpec spec, Placement place) =>
        life.Record.Instance == spec.Instance && IsSamePlace(life.Record, place) && kernel.LinkExists(life.Record.HostInterface);

    private async Task<EndpointLife> PrepareHeldAsync(string adapter, EndpointSpec spec, Placement? place, CancellationToken ct)
    {
        using var group = spec.NamespaceGroup.Length == 0 ? null : await book.GroupLocks.EnterAsync(spec.NamespaceGroup, ct);
        var pools = await ipam.ListPoolsAsync(ct);
        var others = book.InGroup(spec.NamespaceGroup).Select(l => l.Record).Where(r => r.Id != spec.Id).ToList();
        EndpointRecord? record = null;
        LeaseCompanion Record(ImmutableArray<AddressLease> leases)
        {
            record = MakeRecord(adapter, spec, place, leases, [], others, pools);
            return new([PutResource(record)], [record.ToWrite()]);
        }

        if (spec.Claim is { } claim)
        {
            await ipam.ClaimAsync(adapter, claim, spec.Id, Record, ct);
        }
        else if (spec.Leased.Length > 0)
        {
            await ipam.BindAsync(adapter, spec.Leased, $"{spec.Id.Workload}.{spec.Instance}", spec.Id, Record, ct);
        }
        else
        {
            EndpointSpecRules.CheckUnmanaged(spec.Unmanaged, pools);
            record = MakeRecord(adapter, spec, place, [], spec.Unmanaged, others, pools);
            await CommitRecordAsync(record, ct);
        }

        var life = new EndpointLife(record!, EndpointState.Prepared);
        book.Add(life);
        return life;
    }

    private async Task AttachHeldAsync(EndpointLife life, Placement place, CancellationToken ct)
    {
        // Both at once: the rules may stand before the interface, and an interface without rules is closed.
        var publish = kernel.PublishAsync(LocalEndpoints.From(life.Record), ct);
        try
        {
            await kernel.WireAsync(life.Record, place.Namespace, ct);
        }
        catch
        {
            // The first cause is the wiring's; the publication's own outcome does not matter any more, but it has to have ended.
            await publish.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            throw;
        }

        var state = await publish;
        var complete = life.Record with { Complete = true };
        life.Replace(complete);
        Judge(life, state);
        _ = NoteCompleteAsync(complete);
    }

    private EndpointRecord MakeRecord(string adapter, EndpointSpec spec, Placement? place, ImmutableArray<AddressLease> leases,
        ImmutableArray<IPNetwork> unmanaged, IReadOnlyCollection<EndpointRecord> others, ImmutableArray<AddressPool> pools)
    {
        ImmutableArray<IPNetwork> addresses = leases.IsEmpty
            ? [.. unmanaged.Select(n => HostNetwork(n.BaseAddress))]
            : [.. leases.Select(l => HostNetwork(l.Address))];
        var (gateway, defaultRoute, routes) = NamespaceGroup.Place(spec, addresses, others, pools);
        var record = new EndpointRecord
        {
            Orchestrator = spec.Id.Orchestrator,
            Workload = spec.Id.Workload,
            Endpoint = spec.Id.Endpoint,
            Instance = spec.Instance,
            Adapter = adapter,
            Network = spec.Network,
            Namespace = spec.Namespace,
            Profiles = spec.Profiles,
            Labels = spec.Labels,
            LabelsPending = spec.LabelsPending,
            Addresses = [.. addresses.Select(a => a.ToString())],
            Leases = [.. leases.Select(LeaseRecord.From)],
            HostInterface = InterfaceNames.HostInterface(node.InterfacePrefix, spec.Id, name => book.IsTaken(name, spec.Id)),
            Mac = EndpointRecord.Format(spec.Mac ?? InterfaceNames.Mac(spec.Id)),
            Mtu = spec.Mtu ?? node.Mtu,
            Gateway4 = addresses.Any(a => a.PrefixLength == 32) ? gateway.ToString() : null,
            DefaultRoute = defaultRoute,
            Routes = [.. routes.Select(RouteRecord.From)],
            NamedPorts = [.. spec.NamedPorts.Select(p => new PortRecord(p.Name, (int)p.Protocol, p.Port))],
            Ports = [.. spec.Ports.Select(PublishedPortRecord.From)],
            AllowedSources = [.. spec.AllowedSources.Select(s => s.ToString())],
            AllowForwarding = spec.AllowForwarding,
            Group = spec.NamespaceGroup,
            Facts = spec.Facts,
            BootId = node.BootId,
        };
        return place is null ? record : WithPlace(record, place);
    }

    private static IPNetwork HostNetwork(IPAddress address) =>
        new(address, address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128);

    private StoreOperation.Put PutResource(EndpointRecord record)
    {
        var resource = WorkloadEndpointResource.From(record, node.NodeName, time.GetUtcNow());
        return new(WorkloadEndpointResource.KeyOf(record.Namespace, resource.Metadata.Name), WorkloadEndpointResource.Encode(resource));
    }

    private StoreOperation.Delete DeleteResource(EndpointRecord record) =>
        new(WorkloadEndpointResource.KeyOf(record.Namespace, WorkloadEndpointResource.Name(record, node.NodeName)));

    /// <summary>Record and resource together; with a dead or slow store the record alone, and the publisher brings the resource later.</summary>
    private async Task CommitRecordAsync(EndpointRecord record, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(StorePatience);
        try
        {
            await log.CommitAsync(store, new StoreTransaction(PutResource(record)), [record.ToWrite()], patience.Token);
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            await log.CommitAsync([record.ToWrite()], ct);
            Log.StoreLater(logger, record.Id, e.Message);
        }
    }

    private async Task NoteCompleteAsync(EndpointRecord record)
    {
        try
        {
            // Under the lock, and only if it is still this life's record: else a removal that overtook us would be written over.
            using var hold = await book.Locks.EnterAsync(record.Id, CancellationToken.None);
            if (book.TryFind(record.Id, out var life) && ReferenceEquals(life.Record, record))
            {
                await log.CommitAsync([record.ToWrite()], CancellationToken.None);
            }
        }
        catch (CalicoException e)
        {
            // Not lost: without the note the next start wires the endpoint once more.
            Log.NoteLost(logger, record.Id, e.Message);
        }
    }

    private async Task FinishLaterAsync(EndpointLife life)
    {
        try
        {
            using var hold = await book.Locks.EnterAsync(life.Record.Id, CancellationToken.None);
            if (!book.TryFind(life.Record.Id, out var now) || now != life || life.Status.State != EndpointState.Closed)
            {
                return;
            }

            using var limit = new CancellationTokenSource(PublishTime, time);
            Judge(life, await kernel.PublishAsync(LocalEndpoints.From(life.Record), limit.Token));
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            life.Move(EndpointState.Failed, e.Message);
            Log.PublishFailed(logger, life.Record.Id, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1101, LogLevel.Warning, "{Endpoint}: the store does not answer ({Reason}); its WorkloadEndpoint is written later")]
        public static partial void StoreLater(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1102, LogLevel.Warning, "{Endpoint}: the log did not take the note that it is complete: {Reason}")]
        public static partial void NoteLost(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1103, LogLevel.Error, "{Endpoint}: stays closed: {Reason}")]
        public static partial void PublishFailed(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1104, LogLevel.Error, "{Endpoint}: undo after '{First}' failed too: {Reason}")]
        public static partial void UndoFailed(ILogger logger, WorkloadEndpointId endpoint, string first, string reason);

        [LoggerMessage(1105, LogLevel.Information, "{Endpoint}: collected: {Reason}")]
        public static partial void Collected(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1106, LogLevel.Warning, "{Endpoint}: could not be collected, tried again later: {Reason}")]
        public static partial void CollectFailed(ILogger logger, WorkloadEndpointId endpoint, string reason);
    }
}
