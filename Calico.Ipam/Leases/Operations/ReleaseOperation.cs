namespace Calico.Ipam;

/// <summary>Frees one lease if it is still that adapter's and that allocation.</summary>
internal sealed class ReleaseOperation(string adapter, AddressLease lease) : NodeOperation<ReleaseOutcome>
{
    public override IEnumerable<string> Scopes => [$"address/{lease.Address}", $"handle/{lease.Handle}"];

    public override bool OutlivesCaller => true;

    public override async ValueTask<bool> PlanAsync(LeasePlan plan, CancellationToken ct)
    {
        if (plan.Ledger.Leases.GetValueOrDefault(lease.Address) is { } held)
        {
            // The store decides about an address that it shows as another's; here the lease is over in any case.
            plan.Answer = Settled(held, plan.Edit)
                ?? (await plan.EndAsync(held, ct) ? ReleaseOutcome.Released : ReleaseOutcome.AlreadyFree);
        }
        else
        {
            plan.Answer = plan.Ledger.Releases.ContainsKey(lease.Address) ? ReleaseOutcome.AlreadyFree
                : await plan.ReleaseUnknownAsync(lease, stored => Settled(stored, null) is null, ct);
        }

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
