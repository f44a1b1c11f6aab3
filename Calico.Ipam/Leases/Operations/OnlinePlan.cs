using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>One operation's part of a transaction.</summary>
internal sealed partial class OnlinePlan(string node, IpamChange change, IIpamFacts facts, TimeProvider time, LeaseLedger ledger,
    Func<IPAddress, bool> isBetterLeft)
    : LeasePlan(node, ledger, time)
{
    /// <summary>Addresses that operations of the same transaction have given up; who takes one waits for the next transaction.</summary>
    public ImmutableHashSet<IPAddress> GivenUp { get; init; } = [];

    public IpamChange Change => change;

    public IIpamFacts Facts => facts;

    public AutoAssignment Auto => new(change, facts, Time);

    public ExactAssignment Exact => new(change, facts, Time);

    public Func<IPAddress, bool> IsBetterLeft => isBetterLeft;

    /// <summary>Writes of other keys.</summary>
    public List<StoreOperation> Store { get; } = [];

    /// <summary>What the log's other sections were before.</summary>
    public ImmutableArray<NodeLogWrite> LogBefore { get; set; } = [];

    /// <summary>Addresses that were not ours before.</summary>
    public List<AcquiredAddress> Acquired { get; } = [];

    /// <summary>Addresses that are free afterwards.</summary>
    public List<IPAddress> Freed { get; } = [];

    /// <summary>The store said that it did not take the transaction: there is no doubt, only the log has to be put back.</summary>
    public bool IsRefused { get; set; }

    public ImmutableArray<NodeLogWrite> ToLog() => [.. Edit.ToLog(), .. Log];

    /// <summary>Whether this node has an address, whatever its block says: the log is the truth about what is in use here.</summary>
    public bool IsHeld(IPAddress address) =>
        (Ledger.Leases.ContainsKey(address) || Ledger.Parked.ContainsKey(address)) && !GivenUp.Contains(address);

    public override void Add(LeaseCompanion companion)
    {
        Store.AddRange(companion.Store);
        Log.AddRange(companion.Log);
    }

    /// <summary>Takes the address of a lease of the log again, whatever pools say now: workloads use it.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>: another has it.</exception>
    public async Task<LeaseRecord> RetakeAsync(LeaseRecord lease, CancellationToken ct)
    {
        var block = await Exact.RetakeAsync(lease.Ip, lease.Cidr, new(Node), lease.ToAttribute(Node), ct);
        var retaken = Acquire(lease, block, block.OrdinalOf(lease.Ip)!.Value) with { Sequence = lease.Sequence };
        Edit.Set(retaken);
        return retaken;
    }

    /// <summary>Whether the store shows an allocation as this lease of this node.</summary>
    public bool IsOurs(AllocationBlock block, int ordinal, LeaseRecord lease) =>
        block.AttributeOf(ordinal) is { ReleasedAt: null } attribute && attribute.HandleId == lease.Handle
            && LeaseRecord.NodeOf(attribute) == Node;

    /// <summary>The block and ordinal of an address, if the block exists.</summary>
    public async Task<(AllocationBlock Block, int Ordinal)?> FindAsync(IPAddress address, CancellationToken ct) =>
        await Exact.FindBlockAsync(address, ct) is { } cidr && await change.BlockAsync(cidr, ct) is { } block
            ? (block, block.OrdinalOf(address)!.Value)
            : null;

    /// <summary>Takes a free address.</summary>
    public async Task<LeaseRecord> TakeFreeAsync(LeaseRecord wanted, CancellationToken ct)
    {
        var request = new AssignRequest(wanted.Ip, Node, wanted.Handle,
            IntendedUse.Workload) { Attributes = wanted.ToAttribute(Node).Secondary! };
        var block = await Exact.AssignAsync(request, ct);
        return Acquire(wanted, block, block.OrdinalOf(wanted.Ip)!.Value);
    }

    /// <summary>Gives an allocated address to a new lease.</summary>
    public async Task<LeaseRecord> TakeOverAsync(AllocationBlock block, int ordinal, LeaseRecord wanted, CancellationToken ct)
    {
        var before = block.AttributeOf(ordinal)!;
        var after = block.Reassign(ordinal, wanted.ToAttribute(Node), isNewOwner: true);
        change.Put(after);
        if (before.HandleId is { } former)
        {
            await change.CountHandleAsync(former, block.Cidr, -1, ct);
        }

        await change.CountHandleAsync(wanted.Handle, block.Cidr, 1, ct);
        return Acquire(wanted, after, ordinal);
    }

    /// <summary>Keeps a new lease.</summary>
    public LeaseRecord Acquire(LeaseRecord wanted, AllocationBlock block, int ordinal)
    {
        var sequence = block.SequenceOf(ordinal)!.Value;
        var lease = wanted with
        {
            Address = block.AddressOf(ordinal).ToString(),
            Block = block.Cidr.ToString(),
            Sequence = sequence,
            StoreHandle = wanted.Handle,
            StoreSequence = sequence,
        };
        Acquired.Add(new(lease.Ip, block.Cidr, lease.Handle, sequence));
        Edit.Set(lease);
        return lease;
    }

    /// <summary>Frees an address if it is still that allocation.</summary>
    /// <returns>Null: another has it; false: it was free.</returns>
    public async Task<bool?> ReleaseAsync(IPAddress address, string handle, ulong sequence, CancellationToken ct)
    {
        if (await FindAsync(address, ct) is not { } found)
        {
            await change.ForgetBlocksAsync(handle, address, ct);
            return false;
        }

        DateTimeOffset? cooling = (await facts.ConfigAsync(ct)).IpCooldownSeconds > 0 ? Time.GetUtcNow() : null;
        var release = found.Block.Release([new(address, handle, sequence)], cooling);
        if (release.Refusal is not null)
        {
            return null;
        }

        if (release.Released.IsEmpty)
        {
            // Free already, perhaps because the block was lost and made anew: the handle must not count it for ever.
            await change.RecountHandleAsync(handle, found.Block, ct);
        }

        await Exact.ApplyAsync(release, ct);
        Freed.AddRange(release.Released);
        return !release.Released.IsEmpty;
    }
}
