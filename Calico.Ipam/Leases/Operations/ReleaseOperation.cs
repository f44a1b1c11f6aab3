namespace Calico.Ipam;

/// <summary>Frees one lease if it is still that adapter's and that allocation.</summary>
internal sealed class ReleaseOperation(string adapter, AddressLease lease) : NodeOperation<ReleaseOutcome>
{
    public override IEnumerable<string> Scopes => [$"address/{lease.Address}", $"handle/{lease.Handle}"];

    public override bool OutlivesCaller => true;

    public override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        if (plan.Ledger.Leases.GetValueOrDefault(lease.Address) is { } held)
        {
            if (Settled(held, plan.Edit) is { } settled)
            {
                plan.Answer = settled;
                return;
            }

            // The store decides about an address that it shows as another's; here the lease is over in any case.
            var before = plan.Freed.Count;
            await plan.EndAsync(held, ct);
            plan.Answer = plan.Freed.Count > before || plan.Edit.IsReleased(held.Ip) ? ReleaseOutcome.Released : ReleaseOutcome.AlreadyFree;
            return;
        }

        if (plan.Ledger.Releases.ContainsKey(lease.Address))
        {
            plan.Answer = ReleaseOutcome.AlreadyFree;
            return;
        }

        if (await plan.FindAsync(lease.Address, ct) is not { } found || found.Block.AttributeOf(found.Ordinal) is not { ReleasedAt: null } attribute)
        {
            plan.Answer = ReleaseOutcome.AlreadyFree;
            return;
        }

        var stored = LeaseRecord.From(found.Block, found.Ordinal);
        var isOurs = LeaseRecord.NodeOf(attribute) == plan.Node || stored.Purpose == LeasePurpose.Scheduler;
        if (!isOurs || Settled(stored, null) is not null)
        {
            plan.Answer = ReleaseOutcome.NotYours;
            return;
        }

        await plan.ReleaseAsync(lease.Address, lease.Handle, lease.Sequence, ct);
        plan.Answer = ReleaseOutcome.Released;
    }

    public override bool TryPlanOffline(OfflinePlan plan)
    {
        if (plan.Ledger.Leases.GetValueOrDefault(lease.Address) is not { } held)
        {
            if (plan.Ledger.Releases.ContainsKey(lease.Address))
            {
                plan.Answer = ReleaseOutcome.AlreadyFree;
                return true;
            }

            // Not known here: journalled as it is; the store decides by handle and sequence number when it is back.
            plan.Edit.SetRelease(HeldAddress.Unknown(lease));
            plan.Answer = ReleaseOutcome.Released;
            return true;
        }

        if (Settled(held, plan.Edit) is { } settled)
        {
            plan.Answer = settled;
            return true;
        }

        plan.Release(held);
        plan.Answer = ReleaseOutcome.Released;
        return true;
    }

    private ReleaseOutcome? Settled(LeaseRecord held, LedgerEdit? edit)
    {
        if (held.Adapter != adapter || held.Handle != lease.Handle || held.Sequence != lease.Sequence)
        {
            return ReleaseOutcome.NotYours;
        }

        if (held.Bound is null)
        {
            return null;
        }

        edit?.Set(held with { IsDeferred = true });
        return ReleaseOutcome.Deferred;
    }
}
