using System.Collections.Immutable;

namespace Calico.Ipam;

/// <summary>An endpoint is gone: its Endpoint leases and those whose release waited for it are freed; others are only unbound.</summary>
internal sealed class UnbindOperation(string adapter, WorkloadEndpointId endpoint, ImmutableArray<AddressLease> leases, LeaseCompanion companion)
    : NodeOperation<bool>
{
    private readonly string _endpoint = LeaseRecord.FormatEndpoint(endpoint);

    public override IEnumerable<string> Scopes =>
        [$"endpoint/{_endpoint}", .. leases.SelectMany(l => new[] { $"address/{l.Address}", $"handle/{l.Handle}" })];

    public override bool OutlivesCaller => true;

    public override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        foreach (var lease in Held(plan.Ledger))
        {
            if (IsFreed(lease))
            {
                await plan.ReleaseAsync(lease.Ip, lease.StoreHandle, lease.StoreSequence, ct);
                plan.Edit.RemoveLease(lease.Ip);
            }
            else
            {
                await UnbindAsync(plan, lease, ct);
            }
        }

        foreach (var lease in Unknown(plan.Ledger))
        {
            await plan.ReleaseAsync(lease.Address, lease.Handle, lease.Sequence, ct);
        }

        plan.Add(companion);
    }

    public override bool TryPlanOffline(OfflinePlan plan)
    {
        foreach (var lease in Held(plan.Ledger))
        {
            if (IsFreed(lease))
            {
                plan.Release(lease);
            }
            else
            {
                plan.Edit.Set(lease with { Bound = null, IsOffline = true });
            }
        }

        foreach (var lease in Unknown(plan.Ledger))
        {
            // Never given out again from here: nobody on this node knows whether the store ever had it.
            plan.Edit.SetRelease(new()
            {
                Address = lease.Address.ToString(),
                Block = "",
                Handle = lease.Handle,
                Sequence = lease.Sequence,
                IsDoubtful = true,
            });
        }

        plan.Add(companion);
        return true;
    }

    private static bool IsFreed(LeaseRecord lease) => lease.IsDeferred || lease.Purpose is LeasePurpose.Endpoint or LeasePurpose.Foreign;

    private static async Task UnbindAsync(OnlinePlan plan, LeaseRecord lease, CancellationToken ct)
    {
        try
        {
            await plan.RewriteAsync(lease with { Bound = null }, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.Conflict)
        {
            // The scheduler released it meanwhile, on its own node: there is nothing left to unbind.
            plan.Edit.RemoveLease(lease.Ip);
        }
    }

    private ImmutableArray<LeaseRecord> Held(LeaseLedger ledger) =>
        [.. ledger.OfEndpoint(_endpoint).Where(l => l.Adapter == adapter)
            .Union(leases.Select(l => ledger.Leases.GetValueOrDefault(l.Address)).OfType<LeaseRecord>()
                .Where(r => r.Bound is null && leases.Any(l => l.Address.Equals(r.Ip) && l.Handle == r.Handle && l.Sequence == r.Sequence)))];

    private IEnumerable<AddressLease> Unknown(LeaseLedger ledger) =>
        leases.Where(l => !ledger.Leases.ContainsKey(l.Address) && !ledger.Releases.ContainsKey(l.Address) && !ledger.Parked.ContainsKey(l.Address)
            && l.Purpose is LeasePurpose.Endpoint or LeasePurpose.Foreign);
}
