using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>The addresses of this node: leases that workloads have or will have.</summary>
/// <remarks>
/// Facts that decide:
/// every lease is in the node log, and in the store as an allocation of upstream's blocks (docs/design/ipam.md);
/// one writer takes all waiting operations into one transaction, so a hundred claims at once do not race each other;
/// a transaction that was not answered leaves <i>doubt</i>: its addresses are journalled as doubtful, never given out, and freed once a
/// fence (a write of the host marker, which every transaction compares) has made sure that it cannot take any more;
/// an operation that the store keeps waiting is answered from what the store already shows as this node's, and journalled.
/// Safe to call concurrently. Delegates for companions may be called several times and have no effect of their own.
/// </remarks>
public sealed partial class NodeIpam : IAsyncDisposable
{
    /// <summary>Whose entries of the outbox are this part's.</summary>
    public const string OutboxOwner = "ipam";

    private readonly LeaseBasis _basis;
    private readonly LeaseTable _table;
    private readonly StoreReach _reach;
    private readonly LeaseFacts _facts;
    private readonly LeaseComparison _comparison;
    private readonly LeaseWriter _writer;
    private readonly LeaseUpkeep _upkeep;
    private readonly CancellationTokenSource _stop = new();
    private Task _start = Task.CompletedTask;

    public NodeIpam(IKeyValueStore store, INodeLog log, Outbox outbox, NodeIpamOptions options, TimeProvider time, ILogger<NodeIpam> logger)
    {
        _basis = new(store, log, outbox, options, time, logger);
        (_table, _facts, _comparison) = (new(_basis), new(_basis), new(_basis));
        var marker = new HostMarker(_basis);
        _reach = new(_basis, marker);
        _writer = new(_basis, _table, _reach, marker, _facts, _comparison, _stop.Token);
        _upkeep = new(_basis, _table, _writer, _reach, _facts, _comparison, _stop.Token);
    }

    /// <summary>Prefixes of the log's entries that the store has under this node's name.</summary>
    public static ImmutableArray<string> BoundToName { get; } =
        [LeaseLedger.Section + "lease/", LeaseLedger.Section + "release/", LeaseLedger.Section + "writes/",
            Outbox.Section + Kinds.WorkloadEndpoint.Prefix];

    /// <summary>Whether the store answered last time.</summary>
    public bool IsStoreReachable => _reach.IsReachable;

    /// <summary>Why the store is not used, in its own words; null: it answers.</summary>
    public string? WhyDown => _reach.WhyDown;

    /// <summary>Whether the store is not known to have lost anything of this node.</summary>
    public bool IsSettled => _comparison.IsSettled;

    /// <summary>Blocks of this node that cannot be read, with the reason: their addresses are kept, and nothing else waits for them.
    /// </summary>
    public ImmutableSortedDictionary<string, string> DamagedBlocks => _comparison.Damaged;

    /// <summary>How many answers the store does not know yet.</summary>
    public int JournalLength => _writer.JournalLength;

    /// <summary>Addresses held ready for a dead store.</summary>
    public int ParkedCount => _table.Ledger.Parked.Count;

    /// <summary>Reads the log, and compares it with the store. Returns after <see cref="NodeIpamOptions.StorePatience"/> even if the store
    /// does not answer; the comparison is then made by <see cref="MaintainAsync"/>.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        var ledger = _table.Load();
        _facts.Load();
        _comparison.Doubt();
        _start = _upkeep.CompareAsync(_stop.Token);
        Log.Loaded(_basis.Logger, ledger.Leases.Count, ledger.Parked.Count, JournalLength);
        await Task.WhenAny(_start, Task.Delay(_basis.Options.StorePatience, _basis.Time, ct));
        ct.ThrowIfCancellationRequested();
    }

    /// <summary>Replays what the store missed, compares the log with it once, keeps the reserve full, and collects unbound leases that
    /// nobody uses. Called every so often and when the store returns; with a dead store it does nothing.</summary>
    public Task MaintainAsync(CancellationToken ct) => _upkeep.RunAsync(ct);

    /// <summary>Claims addresses, binds them if an endpoint is named, and writes what goes with them: all in one transaction. The same
    /// handle again gives the same addresses.</summary>
    /// <returns>IPv4 first, ascending.</returns>
    /// <exception cref="CalicoException">As <see cref="IIpam.ClaimAsync"/>.</exception>
    public async Task<ImmutableArray<AddressLease>> ClaimAsync(string adapter, AddressClaim claim, WorkloadEndpointId? bindTo,
        Func<ImmutableArray<AddressLease>, LeaseCompanion>? companion, CancellationToken ct) =>
        (await ClaimAsync(adapter, claim, bindTo, Plain(companion), ct)).Leases;

    /// <summary>As above, with a companion that makes something: what is returned is of the plan that was done.</summary>
    /// <param name="adapter">Whose.</param>
    /// <param name="claim">What is asked.</param>
    /// <param name="bindTo">Null: nobody's yet.</param>
    /// <param name="companion">Called for each plan that is made, with its leases; it has no effect of its own.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<Leased<T>> ClaimAsync<T>(string adapter, AddressClaim claim, WorkloadEndpointId? bindTo,
        Func<ImmutableArray<AddressLease>, LeaseCompanion<T>> companion, CancellationToken ct)
    {
        Refuse(claim);
        var operation = new ClaimOperation<T>(adapter, claim, bindTo, companion);
        await _writer.SubmitAsync(operation, ct);
        return await operation.Answer;
    }

    /// <summary>Binds addresses that were leased before. One that is free is claimed again for <paramref name="handle"/>.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>: one is another's, or bound elsewhere.</exception>
    public async Task<ImmutableArray<AddressLease>> BindAsync(string adapter, ImmutableArray<IPAddress> addresses, string handle,
        WorkloadEndpointId endpoint, Func<ImmutableArray<AddressLease>, LeaseCompanion>? companion, CancellationToken ct) =>
        (await BindAsync(adapter, addresses, handle, endpoint, Plain(companion), ct)).Leases;

    /// <summary>As above, with a companion that makes something.</summary>
    public async Task<Leased<T>> BindAsync<T>(string adapter, ImmutableArray<IPAddress> addresses, string handle,
        WorkloadEndpointId endpoint,
        Func<ImmutableArray<AddressLease>, LeaseCompanion<T>> companion, CancellationToken ct)
    {
        var operation = new BindOperation<T>(adapter, addresses, handle, endpoint, companion);
        await _writer.SubmitAsync(operation, ct);
        return await operation.Answer;
    }

    /// <summary>An endpoint is gone: frees its leases and those whose release waited for it. With a dead store it is journalled. What is
    /// gone already is no error.</summary>
    public async Task UnbindAsync(string adapter, WorkloadEndpointId endpoint, ImmutableArray<AddressLease> leases,
        LeaseCompanion companion,
        CancellationToken ct) =>
        await _writer.SubmitAsync(new UnbindOperation(adapter, endpoint, leases, companion), ct);

    /// <summary>Frees one bound lease that its endpoint does not use (it has others, or is unknown), if it is still that allocation. For
    /// audits; an adapter's release of a bound lease waits for the endpoint.</summary>
    public async Task FreeAsync(AddressLease lease, CancellationToken ct) =>
        await _writer.SubmitAsync(new UnbindOperation(lease.Adapter, lease.BoundTo ?? default, [lease], LeaseCompanion.None,
            onlyNamed: true), ct);

    /// <summary>Frees a lease, or says why not.</summary>
    public async Task<ReleaseOutcome> ReleaseAsync(string adapter, AddressLease lease, CancellationToken ct)
    {
        var operation = new ReleaseOperation(adapter, lease);
        await _writer.SubmitAsync(operation, ct);
        return await operation.Answer;
    }

    /// <summary>Takes leases of an endpoint again that <see cref="MissingOf"/> named.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>: an address is another's; who has it.</exception>
    public async Task RetakeAsync(WorkloadEndpointId endpoint, ImmutableArray<AddressLease> leases, CancellationToken ct) =>
        await _writer.SubmitAsync(new RetakeOperation(endpoint, leases), ct);

    /// <summary>Those leases of an endpoint that this node has not any more.</summary>
    public ImmutableArray<AddressLease> MissingOf(ImmutableArray<AddressLease> leases)
    {
        var ledger = _table.Ledger;
        return [.. leases.Where(l => ledger.Leases.GetValueOrDefault(l.Address)?.Handle != l.Handle)];
    }

    /// <summary>Takes notice of what the store's watch shows of a block (null: it was deleted). If a lease of this node is not in it, log
    /// and store are compared before anything else is done.</summary>
    /// <returns>Whether one is missing.</returns>
    public bool Observe(string cidr, IpamBlockSpec? seen) => _comparison.Observe(_table.SettledIn(cidr), seen);

    /// <summary>The lease of an address, whoever holds it, or null. This node's own are answered from memory, but for a scheduler's that no
    /// endpoint here uses: one of another node may.</summary>
    public async Task<AddressLease?> FindAsync(IPAddress address, CancellationToken ct)
    {
        var ledger = _table.Ledger;
        if (ledger.Leases.TryGetValue(address, out var held))
        {
            return held is { Purpose: LeasePurpose.Scheduler, Bound: null, IsOffline: false } ? await FindUsedAsync(held, ct)
                : held.ToLease();
        }

        return ledger.Releases.ContainsKey(address) ? null : await FindStoredAsync(address, ct);
    }

    private async Task<AddressLease?> FindUsedAsync(LeaseRecord held, CancellationToken ct)
    {
        try
        {
            return await FindStoredAsync(held.Ip, ct);
        }
        catch (CalicoException e) when (e.Problem is Problem.Unavailable or Problem.Damaged)
        {
            return held.ToLease();
        }
    }

    private async Task<AddressLease?> FindStoredAsync(IPAddress address, CancellationToken ct)
    {
        var change = new IpamChange(_basis.Store, new());
        return await new ExactAssignment(change, _facts.Source, _basis.Time).FindBlockAsync(address, ct) is { } cidr
            && await change.BlockAsync(cidr, ct) is { } block
            && block.AttributeOf(block.OrdinalOf(address)!.Value) is { ReleasedAt: null }
            ? LeaseRecord.From(block, block.OrdinalOf(address)!.Value).ToLease()
            : null;
    }

    /// <summary>Leases of this node, from memory; null: of any adapter, of any handle.</summary>
    public Task<ImmutableArray<AddressLease>> ListAsync(string? adapter, string? handle, CancellationToken ct) =>
        Task.FromResult<ImmutableArray<AddressLease>>([.. _table.Ledger.Leases.Values
            .Where(l => (adapter is null || l.Adapter == adapter) && (handle is null || l.Handle == handle))
            .OrderBy(l => Cidr.From(l.Ip)).Select(l => l.ToLease())]);

    /// <summary>All pools, in name order; with a dead store, as they were last seen.</summary>
    public async Task<ImmutableArray<AddressPool>> ListPoolsAsync(CancellationToken ct)
    {
        ImmutableArray<IpamPool> pools;
        try
        {
            pools = await _facts.Source.PoolsAsync(ct).AsTask().WaitAsync(_basis.Options.StorePatience, _basis.Time, ct);
        }
        catch (Exception e) when (e is TimeoutException or CalicoException { Problem: Problem.Unavailable })
        {
            pools = (await _facts.RecallAsync("")).Known.Pools;
        }

        return [.. pools.Select(p => new AddressPool(p.Name, p.Cidr.ToNetwork(), p.BlockSize, p.Disabled))];
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _writer.Writing;
        await _start;
        _stop.Dispose();
    }

    private static Func<ImmutableArray<AddressLease>, LeaseCompanion<bool>> Plain(
        Func<ImmutableArray<AddressLease>, LeaseCompanion>? companion) =>
        leases => new(true, companion?.Invoke(leases) ?? LeaseCompanion.None);

    private static void Refuse(AddressClaim claim)
    {
        if (claim.Handle.Length == 0)
        {
            throw new CalicoException(Problem.Invalid, "a claim needs a handle", "handle");
        }

        if (claim.Ipv4 is < 0 or > 64 || claim.Ipv6 is < 0 or > 64 || claim.Exact.Length > 64)
        {
            throw new CalicoException(Problem.Invalid, "a claim is for 0 to 64 addresses of each family",
                claim.Ipv4 is < 0 or > 64 ? "ipv4" : "ipv6");
        }

        if (claim.Ipv4 + claim.Ipv6 + claim.Exact.Length == 0)
        {
            throw new CalicoException(Problem.Invalid, "a claim is for at least one address", "ipv4");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3000, LogLevel.Information,
            "IPAM has {Leases} leases and {Parked} parked addresses; {Journal} answers are not in the store yet")]
        public static partial void Loaded(ILogger logger, int leases, int parked, int journal);
    }
}
