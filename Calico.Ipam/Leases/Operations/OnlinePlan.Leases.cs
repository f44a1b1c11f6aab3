using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <content>What operations ask of a plan, from the store's blocks and handles.</content>
internal sealed partial class OnlinePlan
{
    public override async ValueTask<ImmutableArray<LeaseRecord>> FindOfHandleAsync(string handle, string adapter, CancellationToken ct)
    {
        // Assumed absent instead of read: nearly always true, and the transaction compares it.
        Change.AssumeNoHandle(handle);
        if (await Change.HandleAsync(handle, ct) is not { } stored)
        {
            return [];
        }

        var found = ImmutableArray.CreateBuilder<LeaseRecord>();
        foreach (var text in stored.Block.Keys)
        {
            if (!Cidr.TryParse(text, out var cidr) || await Change.UsableBlockAsync(cidr, ct) is not { } block)
            {
                continue;
            }

            foreach (var ordinal in block.OrdinalsOf(handle).Where(o => LeaseRecord.NodeOf(block.AttributeOf(o)!) == Node))
            {
                var lease = LeaseRecord.From(block, ordinal);
                if (lease.Adapter == adapter && !Ledger.Releases.ContainsKey(lease.Ip))
                {
                    Edit.Set(lease);
                    found.Add(lease);
                }
            }
        }

        return found.ToImmutable();
    }

    public override async ValueTask<LeaseRecord?> TakeExactAsync(LeaseRecord wanted, AddressClaim claim, CancellationToken ct)
    {
        RefuseOutside(await Facts.PoolsAsync(ct), claim, wanted);
        var isParked = Ledger.Parked.ContainsKey(wanted.Ip);
        if (Lease(wanted.Ip) is { } mine && !IsRegrantable(mine, wanted))
        {
            throw mine.AsHeld();
        }

        if (await FindAsync(wanted.Ip, ct) is not { } found || found.Block.AttributeOf(found.Ordinal) is not { ReleasedAt: null } attribute)
        {
            return await TakeFreeAsync(wanted, ct);
        }

        // What another node has of it by now, the log of this one does not know.
        var isHere = LeaseRecord.NodeOf(attribute) == Node;
        var held = (isHere ? Lease(wanted.Ip) : null) ?? LeaseRecord.From(found.Block, found.Ordinal);
        if (!(isParked && isHere)
            && !(IsRegrantable(held, wanted) && (isHere || held.Purpose is LeasePurpose.Scheduler or LeasePurpose.Network)))
        {
            throw held.AsHeld();
        }

        if (isParked)
        {
            // It was taken for anybody; whether this claim may have it, its pool says.
            _ = await Exact.PoolForAsync(wanted.Ip, IntendedUse.Workload, ct);
        }

        Edit.RemoveParked(wanted.Ip);
        return await TakeOverAsync(found.Block, found.Ordinal, wanted, ct);
    }

    public override async ValueTask<ImmutableArray<LeaseRecord>?> AssignAsync(LeaseRecord wanted, AddressClaim claim, int ipVersion,
        int count, CancellationToken ct)
    {
        var pools = await Facts.PoolsAsync(ct);
        ImmutableArray<string> ofFamily = [.. claim.Pools.Where(w => FamilyOf(pools, w) == ipVersion)];
        var request = new AutoAssignRequest
        {
            Host = Node,
            Use = IntendedUse.Workload,
            Ipv4 = ipVersion == 4 ? count : 0,
            Ipv6 = ipVersion == 6 ? count : 0,
            Handle = claim.Handle,
            Attributes = wanted.ToAttribute(Node).Secondary!,
            Pools4 = ipVersion == 4 ? ofFamily : [],
            Pools6 = ipVersion == 6 ? ofFamily : [],
            Namespace = claim.Namespace,
            Within = claim.Within is { } within && Cidr.From(within).Version == ipVersion ? within : null,
            IsBetterLeft = IsBetterLeft,
            IsHeld = IsHeld,
        };
        var (assigned, failure) = await Auto.AssignAsync(request, ipVersion, ct);
        var leases = ImmutableArray.CreateBuilder<LeaseRecord>();
        foreach (var (address, cidr) in assigned.Addresses.Zip(assigned.Blocks))
        {
            var block = (await Change.BlockAsync(cidr, ct))!;
            leases.Add(Acquire(wanted, block, block.OrdinalOf(address)!.Value));
        }

        if (assigned.Shortfall is { } shortfall && !await TryTakeParkedAsync(wanted, claim, ipVersion, leases, count, ct))
        {
            throw new CalicoException(Problem.Exhausted, shortfall, inner: failure);
        }

        return leases.ToImmutable();
    }

    public override async ValueTask<LeaseRecord?> TakeNamedAsync(LeaseRecord wanted, Func<LeaseRecord, LeaseRecord> bind,
        CancellationToken ct)
    {
        if (await FindAsync(wanted.Ip, ct) is not { } found || found.Block.AttributeOf(found.Ordinal) is not { ReleasedAt: null } attribute)
        {
            return await TakeFreeAsync(wanted, ct);
        }

        if (LeaseRecord.NodeOf(attribute) == Node && Ledger.Parked.ContainsKey(wanted.Ip))
        {
            _ = await Exact.PoolForAsync(wanted.Ip, IntendedUse.Workload, ct);
            Edit.RemoveParked(wanted.Ip);
            return await TakeOverAsync(found.Block, found.Ordinal, wanted, ct);
        }

        // A scheduler's lease was taken on another node; whoever runs the task binds it.
        var stored = LeaseRecord.From(found.Block, found.Ordinal);
        return LeaseRecord.NodeOf(attribute) == Node || stored.Purpose == LeasePurpose.Scheduler ? await ChangeAsync(bind(stored), ct)
            : throw new CalicoException(Problem.AlreadyExists,
                $"{stored.Address} is held by handle \"{stored.Handle}\"" + (stored.Bound is null ? "" : $" and bound to {stored.Bound}"));
    }

    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>: the store shows the address as another's;
    /// <see cref="Problem.AlreadyExists"/>: an endpoint of another node uses a scheduler's lease.</exception>
    public override async ValueTask<LeaseRecord> ChangeAsync(LeaseRecord lease, CancellationToken ct)
    {
        var block = await Change.BlockAsync(lease.Cidr, ct);
        var ordinal = block?.OrdinalOf(lease.Ip) ?? 0;
        if (block?.AttributeOf(ordinal) is not { ReleasedAt: null } held || held.HandleId != lease.StoreHandle
            || block.SequenceOf(ordinal) != lease.StoreSequence)
        {
            throw new CalicoException(Problem.Conflict, $"{lease.Address} is not held by handle \"{lease.Handle}\" any more");
        }

        if (LeaseRecord.NodeOf(held) is { } other && other != Node && LeaseRecord.From(block, ordinal) is { Bound: not null } used)
        {
            throw used.AsHeld();
        }

        Change.Put(block.Reassign(ordinal, lease.ToAttribute(Node), isNewOwner: false));
        Edit.Set(lease);
        return lease;
    }

    public override async ValueTask UnbindAsync(LeaseRecord lease, CancellationToken ct)
    {
        try
        {
            await ChangeAsync(lease with { Bound = null }, ct);
        }
        catch (CalicoException e) when (e.Problem is Problem.Conflict or Problem.AlreadyExists)
        {
            // The scheduler released it meanwhile, on its own node, or gave it to another: there is nothing left to unbind.
            Edit.RemoveLease(lease.Ip);
        }
        catch (CalicoException e) when (e.Problem == Problem.Damaged)
        {
            Edit.Set(lease with { Bound = null, IsOffline = true, IsAside = true });
        }
    }

    /// <summary>If its block cannot be read the release is journalled, for when it can: its holder is gone all the same.</summary>
    public override async ValueTask<bool> EndAsync(LeaseRecord lease, CancellationToken ct)
    {
        Edit.RemoveLease(lease.Ip);
        try
        {
            return await ReleaseAsync(lease.Ip, lease.StoreHandle, lease.StoreSequence, ct) == true;
        }
        catch (CalicoException e) when (e.Problem == Problem.Damaged)
        {
            Edit.SetRelease(new()
            {
                Address = lease.Address,
                Block = lease.Block,
                Handle = lease.StoreHandle,
                Sequence = lease.StoreSequence,
                IsDoubtful = true,
                IsAside = true,
            });
            return true;
        }
    }

    public override async ValueTask EndUnknownAsync(AddressLease lease, CancellationToken ct)
    {
        try
        {
            await ReleaseAsync(lease.Address, lease.Handle, lease.Sequence, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.Damaged)
        {
            Edit.SetRelease(HeldAddress.Unknown(lease) with { IsAside = true });
        }
    }

    public override async ValueTask<ReleaseOutcome> ReleaseUnknownAsync(AddressLease lease, Func<LeaseRecord, bool> isHis,
        CancellationToken ct)
    {
        if (await FindAsync(lease.Address, ct) is not { } found
            || found.Block.AttributeOf(found.Ordinal) is not { ReleasedAt: null } attribute)
        {
            return ReleaseOutcome.AlreadyFree;
        }

        var stored = LeaseRecord.From(found.Block, found.Ordinal);
        var isOurs = LeaseRecord.NodeOf(attribute) == Node || stored.Purpose == LeasePurpose.Scheduler;
        if (!isOurs || !isHis(stored))
        {
            return ReleaseOutcome.NotYours;
        }

        await ReleaseAsync(lease.Address, lease.Handle, lease.Sequence, ct);
        return ReleaseOutcome.Released;
    }

    private static int FamilyOf(ImmutableArray<IpamPool> pools, string wanted) =>
        PoolChoice.Find(pools, wanted)?.Cidr.Version
        ?? throw new CalicoException(Problem.NotFound, $"the given pool ({wanted}) does not exist, or is not enabled");

    private static void RefuseOutside(ImmutableArray<IpamPool> pools, AddressClaim claim, LeaseRecord wanted)
    {
        var family = Cidr.From(wanted.Ip).Version;
        var named = claim.Pools.Where(w => FamilyOf(pools, w) == family).Select(w => PoolChoice.Find(pools, w)!).ToImmutableArray();
        if (!IsWithin(claim, wanted.Ip) || (!named.IsEmpty && !named.Any(p => p.Cidr.Contains(wanted.Ip))))
        {
            throw new CalicoException(Problem.Invalid, $"{wanted.Ip} is outside the pools or the range of the claim", "exact");
        }
    }
}
