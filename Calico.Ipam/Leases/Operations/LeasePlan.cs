using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>One operation worked out: what changes, what is written along, what is answered. Where addresses come from is the plan's
/// matter: the store's blocks (<see cref="OnlinePlan"/>), or what the store already shows as this node's (<see cref="OfflinePlan"/>).
/// </summary>
/// <remarks>An offline plan is made under the ledger's lock: its methods end before they return. Null where the store has to say.</remarks>
internal abstract class LeasePlan(string node, LeaseLedger ledger, TimeProvider time)
{
    public string Node { get; } = node;

    public LeaseLedger Ledger { get; } = ledger;

    public TimeProvider Time { get; } = time;

    public LedgerEdit Edit { get; } = new();

    /// <summary>What the caller is told if this is done.</summary>
    public object? Answer { get; set; }

    /// <summary>Writes of the log's other sections.</summary>
    public List<NodeLogWrite> Log { get; } = [];

    /// <summary>The lease as this plan leaves it.</summary>
    public LeaseRecord? Lease(IPAddress address) => Edit.Lease(Ledger, address);

    /// <summary>What the caller wants written along.</summary>
    public abstract void Add(LeaseCompanion companion);

    /// <summary>Leases of a handle that the ledger knows nothing of.</summary>
    public abstract ValueTask<ImmutableArray<LeaseRecord>> FindOfHandleAsync(string handle, string adapter, CancellationToken ct);

    /// <summary>Takes the address that a claim names: a free one, one of the reserve, or one that its adapter may be granted again.
    /// </summary>
    /// <param name="wanted">The lease, with its address.</param>
    /// <param name="claim">What else is asked of it.</param>
    /// <param name="ct">Cancels.</param>
    public abstract ValueTask<LeaseRecord?> TakeExactAsync(LeaseRecord wanted, AddressClaim claim, CancellationToken ct);

    /// <summary>Takes addresses that a claim does not choose.</summary>
    /// <param name="wanted">The lease, without address.</param>
    /// <param name="claim">What is asked of them.</param>
    /// <param name="ipVersion">4 or 6.</param>
    /// <param name="count">How many; all or nothing.</param>
    /// <param name="ct">Cancels.</param>
    public abstract ValueTask<ImmutableArray<LeaseRecord>?> AssignAsync(LeaseRecord wanted, AddressClaim claim, int ipVersion, int count,
        CancellationToken ct);

    /// <summary>Takes an address for an endpoint that the ledger does not have: whoever has it in the store may allow that.</summary>
    /// <param name="wanted">The lease, if it is free.</param>
    /// <param name="bind">The lease that it would be, of one that the store shows; throws where it is another's.</param>
    /// <param name="ct">Cancels.</param>
    public abstract ValueTask<LeaseRecord?> TakeNamedAsync(LeaseRecord wanted, Func<LeaseRecord, LeaseRecord> bind, CancellationToken ct);

    /// <summary>Changes what is kept with a lease; its owner and sequence number stay.</summary>
    public abstract ValueTask<LeaseRecord> ChangeAsync(LeaseRecord lease, CancellationToken ct);

    /// <summary>Takes a lease from its endpoint and leaves it its owner's.</summary>
    public abstract ValueTask UnbindAsync(LeaseRecord lease, CancellationToken ct);

    /// <summary>Ends a lease.</summary>
    /// <returns>Whether its address becomes free, now or when the store can be told; false: it was.</returns>
    public abstract ValueTask<bool> EndAsync(LeaseRecord lease, CancellationToken ct);

    /// <summary>Frees what an endpoint had and the ledger does not, if the store has it so.</summary>
    public abstract ValueTask EndUnknownAsync(AddressLease lease, CancellationToken ct);

    /// <summary>Frees for its adapter what the ledger does not have.</summary>
    /// <param name="lease">As the adapter knows it.</param>
    /// <param name="isHis">Whether an allocation is that lease.</param>
    /// <param name="ct">Cancels.</param>
    public abstract ValueTask<ReleaseOutcome> ReleaseUnknownAsync(AddressLease lease, Func<LeaseRecord, bool> isHis, CancellationToken ct);

    /// <summary>Whether an address is in the range of a claim, if that has one of its family.</summary>
    protected static bool IsWithin(AddressClaim claim, IPAddress address) =>
        claim.Within is not { } within || Cidr.From(within).Version != Cidr.From(address).Version || within.Contains(address);

    /// <summary>Whether a claim may have what is leased already: its adapter's, to nobody's endpoint.</summary>
    protected static bool IsRegrantable(LeaseRecord held, LeaseRecord wanted) => held.Bound is null && held.Adapter == wanted.Adapter
        && held.Purpose switch
    {
        LeasePurpose.Endpoint or LeasePurpose.Scheduler => true,
        LeasePurpose.Network => held.Owner == wanted.Owner,
        _ => false,
    };
}
