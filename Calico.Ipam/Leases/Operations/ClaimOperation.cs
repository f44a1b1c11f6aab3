using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Claims addresses for a handle, and binds them if an endpoint is named.</summary>
internal sealed class ClaimOperation<T>(string adapter, AddressClaim claim, WorkloadEndpointId? bindTo,
    Func<ImmutableArray<AddressLease>, LeaseCompanion<T>> companion) : LeasingOperation<T>(companion)
{
    private readonly string? _endpoint = bindTo is { } id ? LeaseRecord.FormatEndpoint(id) : null;

    public override IEnumerable<string> Scopes =>
        [$"handle/{claim.Handle}", .. _endpoint is null ? [] : new[] { $"endpoint/{_endpoint}" },
            .. claim.Exact.Select(a => $"address/{a}")];

    public override string Namespace => claim.Namespace;

    public override bool IsRefusedAtRest => true;

    public override async ValueTask<bool> PlanAsync(LeasePlan plan, CancellationToken ct)
    {
        var leases = Existing(plan.Ledger).ToList();
        if (leases.Count == 0)
        {
            leases.AddRange(await plan.FindOfHandleAsync(claim.Handle, adapter, ct));
        }

        if (!(claim.Exact.IsEmpty ? await TryAssignAsync(plan, leases, ct) : await TryTakeExactAsync(plan, leases, ct)))
        {
            return false;
        }

        for (var i = 0; i < leases.Count; i++)
        {
            leases[i] = await WantedAgainAsync(plan, leases[i], ct);
        }

        for (var i = 0; _endpoint is not null && i < leases.Count; i++)
        {
            leases[i] = leases[i].Bound == _endpoint ? leases[i] : await plan.ChangeAsync(Bind(leases[i]), ct);
        }

        Conclude(plan, leases);
        return true;
    }

    private async ValueTask<bool> TryTakeExactAsync(LeasePlan plan, List<LeaseRecord> leases, CancellationToken ct)
    {
        var wanted = Wanted(plan.Time.GetUtcNow());
        leases.RemoveAll(l => !claim.Exact.Contains(l.Ip));
        foreach (var address in claim.Exact.Where(a => leases.TrueForAll(l => !l.Ip.Equals(a))))
        {
            if (await plan.TakeExactAsync(wanted with { Address = address.ToString() }, claim, ct) is not { } taken)
            {
                return false;
            }

            leases.Add(taken);
        }

        return true;
    }

    private async ValueTask<bool> TryAssignAsync(LeasePlan plan, List<LeaseRecord> leases, CancellationToken ct)
    {
        var wanted = Wanted(plan.Time.GetUtcNow());
        foreach (var version in new[] { 4, 6 })
        {
            var missing = (version == 4 ? claim.Ipv4 : claim.Ipv6) - leases.Count(l => l.Cidr.Version == version);
            if (missing <= 0)
            {
                continue;
            }

            if (await plan.AssignAsync(wanted, claim, version, missing, ct) is not { } assigned)
            {
                return false;
            }

            leases.AddRange(assigned);
        }

        return true;
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
        return existing.FirstOrDefault(l => l.Adapter != adapter) is { } other ? throw other.AsHeld() : existing;
    }

    /// <summary>A lease that its adapter had released while an endpoint used it, and claims again, does not go with that endpoint; and one
    /// that a scheduler asks to keep is kept. Nothing lowers a purpose but a release.</summary>
    private async ValueTask<LeaseRecord> WantedAgainAsync(LeasePlan plan, LeaseRecord lease, CancellationToken ct)
    {
        var wanted = lease with { IsDeferred = false };
        if (claim.Purpose == LeasePurpose.Scheduler && lease.Purpose == LeasePurpose.Endpoint)
        {
            return await plan.ChangeAsync(wanted with { Purpose = LeasePurpose.Scheduler }, ct);
        }

        if (lease.IsDeferred)
        {
            // The node's log alone has it.
            plan.Edit.Set(wanted);
        }

        return wanted;
    }

    private LeaseRecord Bind(LeaseRecord lease) => lease.Bound is null && lease.Purpose != LeasePurpose.Foreign
        ? lease with { Bound = _endpoint }
        : throw lease.AsHeld();
}
