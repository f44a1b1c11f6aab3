using System.Collections.Immutable;
using System.Net;

namespace Calico.Ipam;

/// <summary>Binds addresses that were leased before; one that is free by now is claimed again.</summary>
internal sealed class BindOperation(string adapter, ImmutableArray<IPAddress> addresses, string handle, WorkloadEndpointId endpoint,
    Func<ImmutableArray<AddressLease>, LeaseCompanion>? companion) : LeasingOperation(companion)
{
    private readonly string _endpoint = LeaseRecord.FormatEndpoint(endpoint);

    public override IEnumerable<string> Scopes =>
        [$"handle/{handle}", $"endpoint/{_endpoint}", .. addresses.Select(a => $"address/{a}")];

    public override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        var leases = new List<LeaseRecord>();
        foreach (var address in addresses.Distinct())
        {
            leases.Add(await BindAsync(plan, address, ct));
        }

        plan.Answer = Conclude(leases, plan.Add);
    }

    public override bool TryPlanOffline(OfflinePlan plan)
    {
        var leases = new List<LeaseRecord>();
        foreach (var address in addresses.Distinct())
        {
            if (plan.Ledger.Leases.GetValueOrDefault(address) is { } held)
            {
                var bound = Bound(held);
                leases.Add(bound == held ? held : bound with { IsOffline = true });
                plan.Edit.Set(leases[^1]);
            }
            else if (plan.TakeExact(Wanted(address, plan.Now), address, []) is { } taken)
            {
                leases.Add(taken);
            }
            else
            {
                return false;
            }
        }

        plan.Answer = Conclude(leases, plan.Add);
        return true;
    }

    private async Task<LeaseRecord> BindAsync(OnlinePlan plan, IPAddress address, CancellationToken ct)
    {
        if (plan.Lease(address) is { } held)
        {
            var bound = Bound(held);
            return bound == held ? held : await plan.RewriteAsync(bound, ct);
        }

        var wanted = Wanted(address, plan.Time.GetUtcNow());
        if (await plan.FindAsync(address, ct) is not { } found || found.Block.AttributeOf(found.Ordinal) is not { ReleasedAt: null } attribute)
        {
            return await plan.TakeFreeAsync(wanted, ct);
        }

        var isHere = LeaseRecord.NodeOf(attribute) == plan.Node;
        if (isHere && plan.Ledger.Parked.ContainsKey(address))
        {
            _ = await plan.Exact.PoolForAsync(address, IntendedUse.Workload, ct);
            plan.Edit.RemoveParked(address);
            return await plan.TakeOverAsync(found.Block, found.Ordinal, wanted, ct);
        }

        // A scheduler's lease was taken on another node; whoever runs the task binds it.
        var stored = LeaseRecord.From(found.Block, found.Ordinal);
        return isHere || stored.Purpose == LeasePurpose.Scheduler ? await plan.RewriteAsync(Bound(stored), ct) : throw HeldBy(stored);
    }

    private LeaseRecord Bound(LeaseRecord held) =>
        held.Bound == _endpoint ? held
        : held.Bound is null && held.Adapter == adapter && held.Purpose != LeasePurpose.Foreign ? held with { Bound = _endpoint }
        : throw HeldBy(held);

    private static CalicoException HeldBy(LeaseRecord held) => new(Problem.AlreadyExists,
        $"{held.Address} is held by handle \"{held.Handle}\"" + (held.Bound is null ? "" : $" and bound to {held.Bound}"));

    private LeaseRecord Wanted(IPAddress address, DateTimeOffset now) => new()
    {
        Address = address.ToString(),
        Block = "",
        Handle = handle,
        Purpose = LeasePurpose.Endpoint,
        Adapter = adapter,
        Sequence = 0,
        Bound = _endpoint,
        Since = now,
        StoreHandle = "",
        StoreSequence = 0,
    };
}
