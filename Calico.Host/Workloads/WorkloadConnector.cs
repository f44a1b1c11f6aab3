using System.Collections.Immutable;
using Calico.Datastore.Store;
using Calico.Host.Workloads.Ports;
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
/// Preparation.cs has addresses and record, Link.cs what is in the kernel, Removal.cs the same backwards.
/// </remarks>
internal sealed partial class WorkloadConnector(EndpointBook book, NodeIpam ipam, INodeLog log, EndpointPublication publication,
    IKernelSide kernel,
    NodeFacts node, TimeProvider time, ILogger<WorkloadConnector> logger) : IAsyncDisposable
{
    /// <summary>How long an undo or a removal may take after its caller has gone.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _laterGuard = new();
    private Task _later = Task.CompletedTask;
    private CompletionNotes? _completion;

    public EndpointBook Book => book;

    public EndpointPorts Ports { get; } = new(book, kernel, time, logger);

    public StrayLeases StrayLeases => new(book, ipam, log, logger);

    private CompletionNotes Notes =>
        LazyInitializer.EnsureInitialized(ref _completion, () => new(book, log, time, logger, _stopping.Token));

    /// <summary>Takes the endpoints from the node log into the book, before anything else is asked. What was complete is closed until
    /// the kernel is known to enforce it.</summary>
    /// <param name="damaged">Is told of each record that cannot be read.</param>
    public void Restore(Action<CalicoException> damaged)
    {
        foreach (var (key, value) in log.List(EndpointRecord.Section))
        {
            try
            {
                var record = Ports.Restore(EndpointRecord.Read(key, value));
                book.Add(new(record, record.Complete ? EndpointState.Closed : EndpointState.Prepared));
                if (book.TryFindByInterface(record.HostInterface, out var owner) && owner != record.Id)
                {
                    throw new CalicoException(Problem.Damaged,
                        $"{owner} and {record.Id} both have interface {record.HostInterface}; it is taken for {owner}'s: "
                            + $"remove {record.Id} and add it again", key);
                }
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
        foreach (var life in book.All.Where(l => HasLink(l.Record)))
        {
            var record = life.Record;
            if (record.Conflict is { } conflict)
            {
                life.Move(EndpointState.Failed, conflict);
            }
            else if (record.Complete || (await kernel.CheckAsync(record, ct)).IsEmpty)
            {
                life.Replace(record with { Complete = true });
                // Whether policy needs the labels only the publication says; that comes with them.
                Judge(life, record.LabelsPending ? EndpointState.Closed : EndpointState.Enforced);
            }
        }
    }

    /// <summary>Prepares and attaches, undone together.</summary>
    public async Task<Attachment> ConnectAsync(string adapter, EndpointSpec spec, Placement place, CancellationToken ct)
    {
        EndpointSpecRules.Check(spec, place);
        WorkloadEndpointResource.Check(EndpointDraft.Outline(adapter, spec, node), node.NodeName);
        using var hold = await book.Locks.EnterAsync(spec.Id, ct);
        if (book.TryFind(spec.Id, out var before) && IsSameLife(before, spec, place) && before.Record.Complete
            && before.Status.State == EndpointState.Enforced)
        {
            return before.ToAttachment();
        }

        var life = await PrepareHeldAsync(adapter, spec, place, ct);
        try
        {
            await AttachHeldAsync(life, place, Timeout.InfiniteTimeSpan, ct);
        }
        catch (Exception first)
        {
            await UndoAsync(life, first);
            throw;
        }
        finally
        {
            life.IsBeingPlaced = false;
        }

        return life.ToAttachment();
    }

    /// <summary>Claims or binds the addresses and records the endpoint.</summary>
    public async Task<Attachment> PrepareAsync(string adapter, EndpointSpec spec, CancellationToken ct)
    {
        EndpointSpecRules.Check(spec, null);
        WorkloadEndpointResource.Check(EndpointDraft.Outline(adapter, spec, node), node.NodeName);
        using var hold = await book.Locks.EnterAsync(spec.Id, ct);
        if (book.TryFind(spec.Id, out var before) && before.Record.Instance == spec.Instance)
        {
            return before.ToAttachment();
        }

        return (await PrepareHeldAsync(adapter, spec, null, ct)).ToAttachment();
    }

    /// <summary>Makes the pair; returns when the kernel enforces, or after <paramref name="wait"/> closed. When it fails, the endpoint is
    /// prepared as before.</summary>
    public async Task<Attachment> AttachAsync(WorkloadEndpointId id, string instance, Placement place, TimeSpan wait, CancellationToken ct)
    {
        EndpointSpecRules.Check(place);
        using var hold = await book.Locks.EnterAsync(id, ct);
        var life = Find(id);
        if (life.Record.Instance != instance)
        {
            throw new CalicoException(Problem.Conflict, $"{id} is another life now: {life.Record.Instance}, not {instance}");
        }

        if (life.Record.Conflict is { } conflict)
        {
            throw new CalicoException(Problem.AlreadyExists, $"{id} cannot be attached: {conflict}");
        }

        if (life.Record.Placed && !IsSamePlace(life.Record, place))
        {
            await DetachHeldAsync(life);
        }
        else if (life.Record.Complete && life.Status.State == EndpointState.Enforced)
        {
            return life.ToAttachment();
        }

        life.IsBeingPlaced = true;
        try
        {
            // Said here too: the record may be of a version that did not say it when it prepared.
            life.Replace(WithPlace(await _groups.JoinAsync(life, place, ct), place) with { SplitLife = true });
            await log.CommitAsync([life.Record.ToWrite()], ct);
            await AttachHeldAsync(life, place, wait, ct);
        }
        catch (Exception first)
        {
            await UndoAttachAsync(life, first);
            throw;
        }
        finally
        {
            life.IsBeingPlaced = false;
        }

        return life.ToAttachment();
    }

    /// <summary>Takes the pair away, keeps endpoint and addresses.</summary>
    public async Task DetachAsync(WorkloadEndpointId id, string? instance, CancellationToken ct)
    {
        using var hold = await book.Locks.EnterAsync(id, ct);
        if (book.TryFind(id, out var life) && (instance is null || life.Record.Instance == instance) && life.Record.Placed)
        {
            await DetachHeldAsync(life);
        }
    }

    /// <summary>Removes link, endpoint and addresses. The removal goes on when the caller stops waiting.</summary>
    public async Task DisconnectAsync(WorkloadEndpointId id, string? instance, CancellationToken ct)
    {
        var removal = RemoveAsync(id, instance);
        try
        {
            await removal.WaitAsync(ct);
        }
        catch (OperationCanceledException) when (!removal.IsCompleted)
        {
            Later(TellAsync(removal, id));
            throw;
        }
    }

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

    /// <summary>Ends and waits for what goes on after an answer. Removals are not cut short, and calls may still come.</summary>
    public async ValueTask DisposeAsync()
    {
        // Never disposed: it has no timer, and a call that comes late may still look at its token.
        await _stopping.CancelAsync();
        Task last;
        lock (_laterGuard)
        {
            last = _later;
        }

        await last;
        Ports.Dispose();
    }

    /// <summary>Whether the link that the record tells of is there, and its own.</summary>
    public bool HasLink(EndpointRecord record) => record.Placed && record.BootId == node.BootId && kernel.LinkExists(record.HostInterface)
        && book.TryFindByInterface(record.HostInterface, out var owner) && owner == record.Id;

    // The same container after a stop without DEL comes with the same id and instance, but in a new namespace.
    private bool IsSameLife(EndpointLife life, EndpointSpec spec, Placement place) =>
        life.Record.Instance == spec.Instance && IsSamePlace(life.Record, place);

    /// <summary>Work that goes on after the answer; it never throws what is not a fault of ours.</summary>
    private void Later(Task work)
    {
        lock (_laterGuard)
        {
            _later = _later.IsCompletedSuccessfully ? work : Task.WhenAll(_later, work);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1101, LogLevel.Warning, "{Endpoint}: the store does not answer ({Reason}); its WorkloadEndpoint is written later")]
        public static partial void StoreLater(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1103, LogLevel.Error, "{Endpoint}: stays closed: {Reason}")]
        public static partial void PublishFailed(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1104, LogLevel.Error, "{Endpoint}: undo after '{First}' failed too: {Reason}")]
        public static partial void UndoFailed(ILogger logger, WorkloadEndpointId endpoint, string first, string reason);

        [LoggerMessage(1105, LogLevel.Information, "{Endpoint}: collected: {Reason}")]
        public static partial void Collected(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1106, LogLevel.Warning, "{Endpoint}: could not be collected, tried again later: {Reason}")]
        public static partial void CollectFailed(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1108, LogLevel.Information, "{Endpoint}: prepared again: {Reason}")]
        public static partial void PreparedAgain(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1165, LogLevel.Error, "{Endpoint}: {Reason}")]
        public static partial void AddressLost(ILogger logger, WorkloadEndpointId endpoint, string reason);

        [LoggerMessage(1166, LogLevel.Information, "{Endpoint}: it has its address again and is open")]
        public static partial void AddressBack(ILogger logger, WorkloadEndpointId endpoint);

        [LoggerMessage(1107, LogLevel.Error, "{Endpoint}: its removal failed after its caller had gone: {Reason}")]
        public static partial void RemovalFailed(ILogger logger, WorkloadEndpointId endpoint, string reason);
    }
}
