using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Claims addresses for a handle, and binds them if an endpoint is named.</summary>
internal sealed class ClaimOperation(string adapter, AddressClaim claim, WorkloadEndpointId? bindTo,
    Func<ImmutableArray<AddressLease>, LeaseCompanion>? companion) : LeasingOperation(companion)
{
    private readonly string? _endpoint = bindTo is { } id ? LeaseRecord.FormatEndpoint(id) : null;

    public override IEnumerable<string> Scopes =>
        [$"handle/{claim.Handle}", .. _endpoint is null ? [] : new[] { $"endpoint/{_endpoint}" }, .. claim.Exact.Select(a => $"address/{a}")];

    public override string Namespace => claim.Namespace;

    public override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        var wanted = Wanted(plan.Time.GetUtcNow());
        var leases = Existing(plan.Ledger).ToList();
        if (leases.Count == 0)
        {
            leases.AddRange(await FindInStoreAsync(plan, ct));
        }

        if (!claim.Exact.IsEmpty)
        {
            leases.RemoveAll(l => !claim.Exact.Contains(l.Ip));
            foreach (var address in claim.Exact.Where(a => leases.TrueForAll(l => !l.Ip.Equals(a))))
            {
                RefuseOutside(await plan.Facts.PoolsAsync(ct), address);
                leases.Add(await TakeExactAsync(plan, wanted with { Address = address.ToString() }, ct));
            }
        }
        else
        {
            leases.AddRange(await AssignAsync(plan, wanted, 4, claim.Ipv4 - leases.Count(l => !l.Cidr.IsIpv6), ct));
            leases.AddRange(await AssignAsync(plan, wanted, 6, claim.Ipv6 - leases.Count(l => l.Cidr.IsIpv6), ct));
        }

        if (_endpoint is not null)
        {
            for (var i = 0; i < leases.Count; i++)
            {
                leases[i] = leases[i].Bound == _endpoint ? leases[i] : await plan.RewriteAsync(Bind(leases[i]), ct);
            }
        }

        plan.Answer = Conclude(leases, plan.Add);
    }

    public override bool TryPlanOffline(OfflinePlan plan)
    {
        var wanted = Wanted(plan.Now);
        var leases = Existing(plan.Ledger).ToList();
        if (!claim.Exact.IsEmpty)
        {
            leases.RemoveAll(l => !claim.Exact.Contains(l.Ip));
            foreach (var address in claim.Exact.Where(a => leases.TrueForAll(l => !l.Ip.Equals(a))))
            {
                var held = plan.Ledger.Leases.GetValueOrDefault(address);
                var lease = held is null ? (IsWithin(address) ? plan.TakeExact(wanted, address, claim.Pools) : null)
                    : IsRegrantable(held) ? plan.IsBusy(address) || held.IsAttempted ? null : Regrant(plan, held, wanted)
                    : throw HeldBy(held);
                if (lease is null)
                {
                    return false;
                }

                leases.Add(lease);
            }
        }
        else
        {
            foreach (var isV6 in new[] { false, true })
            {
                var missing = (isV6 ? claim.Ipv6 : claim.Ipv4) - leases.Count(l => l.Cidr.IsIpv6 == isV6);
                for (; missing > 0; missing--)
                {
                    if (plan.TakeAny(wanted, claim.Pools, a => Cidr.From(a).IsIpv6 == isV6 && IsWithin(a)) is not { } lease)
                    {
                        return false;
                    }

                    leases.Add(lease);
                }
            }
        }

        if (_endpoint is not null)
        {
            for (var i = 0; i < leases.Count; i++)
            {
                if (leases[i].Bound != _endpoint)
                {
                    leases[i] = Bind(leases[i]) with { IsOffline = true };
                    plan.Edit.Set(leases[i]);
                }
            }
        }

        plan.Answer = Conclude(leases, plan.Add);
        return true;
    }

    private static CalicoException HeldBy(LeaseRecord held) => new(Problem.AlreadyExists,
        $"{held.Address} is held by handle \"{held.Handle}\" of {(held.Adapter.Length == 0 ? "another IPAM" : held.Adapter)}"
        + (held.Bound is null ? "" : $" and bound to {held.Bound}"));

    private static LeaseRecord Regrant(OfflinePlan plan, LeaseRecord held, LeaseRecord wanted)
    {
        var lease = wanted with
        {
            Address = held.Address,
            Block = held.Block,
            Sequence = Math.Max(held.Sequence, plan.LastSequence) + 1,
            IsOffline = true,
            StoreHandle = held.StoreHandle,
            StoreSequence = held.StoreSequence,
        };
        plan.Edit.Set(lease);
        return lease;
    }

    private LeaseRecord Wanted(DateTimeOffset now) => new()
    {
        Address = "",
        Block = "",
        Handle = claim.Handle,
        Purpose = claim.Purpose,
        Adapter = adapter,
        Owner = claim.Owner,
        Sequence = 0,
        Bound = _endpoint,
        Since = now,
        Attributes = claim.Attributes,
        StoreHandle = "",
        StoreSequence = 0,
    };

    private ImmutableArray<LeaseRecord> Existing(LeaseLedger ledger)
    {
        var existing = ledger.OfHandle(claim.Handle).OrderBy(l => Cidr.From(l.Ip)).ToImmutableArray();
        return existing.FirstOrDefault(l => l.Adapter != adapter) is { } other ? throw HeldBy(other) : existing;
    }

    /// <summary>Addresses that the handle has in the store and this node's log knows nothing of.</summary>
    private async Task<ImmutableArray<LeaseRecord>> FindInStoreAsync(OnlinePlan plan, CancellationToken ct)
    {
        // Assumed absent instead of read: nearly always true, and the transaction compares it.
        plan.Change.AssumeNoHandle(claim.Handle);
        if (await plan.Change.HandleAsync(claim.Handle, ct) is not { } handle)
        {
            return [];
        }

        var found = ImmutableArray.CreateBuilder<LeaseRecord>();
        foreach (var text in handle.Block.Keys)
        {
            if (!Cidr.TryParse(text, out var cidr) || await plan.Change.UsableBlockAsync(cidr, ct) is not { } block)
            {
                continue;
            }

            foreach (var ordinal in block.OrdinalsOf(claim.Handle).Where(o => LeaseRecord.NodeOf(block.AttributeOf(o)!) == plan.Node))
            {
                var lease = LeaseRecord.From(block, ordinal);
                if (lease.Adapter == adapter && !plan.Ledger.Releases.ContainsKey(lease.Ip))
                {
                    plan.Edit.Set(lease);
                    found.Add(lease);
                }
            }
        }

        return found.ToImmutable();
    }

    private async Task<IEnumerable<LeaseRecord>> AssignAsync(OnlinePlan plan, LeaseRecord wanted, int ipVersion, int count, CancellationToken ct)
    {
        if (count <= 0)
        {
            return [];
        }

        var pools = await plan.Facts.PoolsAsync(ct);
        ImmutableArray<string> ofFamily = [.. claim.Pools.Where(w => FamilyOf(pools, w) == ipVersion)];
        var request = new AutoAssignRequest
        {
            Host = plan.Node,
            Use = IntendedUse.Workload,
            Ipv4 = ipVersion == 4 ? count : 0,
            Ipv6 = ipVersion == 6 ? count : 0,
            Handle = claim.Handle,
            Attributes = wanted.ToAttribute(plan.Node).Secondary!,
            Pools4 = ipVersion == 4 ? ofFamily : [],
            Pools6 = ipVersion == 6 ? ofFamily : [],
            Namespace = claim.Namespace,
            Within = claim.Within is { } within && Cidr.From(within).Version == ipVersion ? within : null,
            IsBetterLeft = plan.IsBetterLeft,
            IsHeld = plan.IsHeld,
        };
        var (assigned, failure) = await plan.Auto.AssignAsync(request, ipVersion, ct);
        if (assigned.Shortfall is { } shortfall)
        {
            throw new CalicoException(Problem.Exhausted, shortfall, inner: failure);
        }

        var leases = new List<LeaseRecord>();
        foreach (var (address, cidr) in assigned.Addresses.Zip(assigned.Blocks))
        {
            var block = (await plan.Change.BlockAsync(cidr, ct))!;
            leases.Add(plan.Acquire(wanted, block, block.OrdinalOf(address)!.Value));
        }

        return leases;
    }

    private static int FamilyOf(ImmutableArray<IpamPool> pools, string wanted) =>
        PoolChoice.Find(pools, wanted)?.Cidr.Version
        ?? throw new CalicoException(Problem.NotFound, $"the given pool ({wanted}) does not exist, or is not enabled");

    private async Task<LeaseRecord> TakeExactAsync(OnlinePlan plan, LeaseRecord wanted, CancellationToken ct)
    {
        var isParked = plan.Ledger.Parked.ContainsKey(wanted.Ip);
        if (plan.Lease(wanted.Ip) is { } mine && !IsRegrantable(mine))
        {
            throw HeldBy(mine);
        }

        if (await plan.FindAsync(wanted.Ip, ct) is not { } found || found.Block.AttributeOf(found.Ordinal) is not { ReleasedAt: null } attribute)
        {
            return await plan.TakeFreeAsync(wanted, ct);
        }

        var held = plan.Lease(wanted.Ip) ?? LeaseRecord.From(found.Block, found.Ordinal);
        var isHere = LeaseRecord.NodeOf(attribute) == plan.Node;
        if (!(isParked && isHere) && !(IsRegrantable(held) && (isHere || held.Purpose is LeasePurpose.Scheduler or LeasePurpose.Network)))
        {
            throw HeldBy(held);
        }

        if (isParked)
        {
            // It was taken for anybody; whether this claim may have it, its pool says.
            _ = await plan.Exact.PoolForAsync(wanted.Ip, IntendedUse.Workload, ct);
        }

        plan.Edit.RemoveParked(wanted.Ip);
        return await plan.TakeOverAsync(found.Block, found.Ordinal, wanted, ct);
    }

    private bool IsRegrantable(LeaseRecord held) => held.Bound is null && held.Adapter == adapter && held.Purpose switch
    {
        LeasePurpose.Endpoint or LeasePurpose.Scheduler => true,
        LeasePurpose.Network => held.Owner == claim.Owner,
        _ => false,
    };

    private void RefuseOutside(ImmutableArray<IpamPool> pools, IPAddress address)
    {
        var family = Cidr.From(address).Version;
        var named = claim.Pools.Where(w => FamilyOf(pools, w) == family).Select(w => PoolChoice.Find(pools, w)!).ToImmutableArray();
        if (!IsWithin(address) || (!named.IsEmpty && !named.Any(p => p.Cidr.Contains(address))))
        {
            throw new CalicoException(Problem.Invalid, $"{address} is outside the pools or the range of the claim", "exact");
        }
    }

    private bool IsWithin(IPAddress address) =>
        claim.Within is not { } within || Cidr.From(within).Version != Cidr.From(address).Version || within.Contains(address);

    private LeaseRecord Bind(LeaseRecord lease) => lease.Bound is null && lease.Purpose != LeasePurpose.Foreign
        ? lease with { Bound = _endpoint }
        : throw HeldBy(lease);
}
