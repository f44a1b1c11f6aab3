using System.Collections.Immutable;
using System.Net;

namespace Calico.Ipam;

/// <summary>Binds addresses that were leased before; one that is free by now is claimed again.</summary>
internal sealed class BindOperation<T>(string adapter, ImmutableArray<IPAddress> addresses, string handle, WorkloadEndpointId endpoint,
    Func<ImmutableArray<AddressLease>, LeaseCompanion<T>> companion) : LeasingOperation<T>(companion)
{
    private readonly string _endpoint = LeaseRecord.FormatEndpoint(endpoint);

    public override IEnumerable<string> Scopes =>
        [$"handle/{handle}", $"endpoint/{_endpoint}", .. addresses.Select(a => $"address/{a}")];

    public override async ValueTask<bool> PlanAsync(LeasePlan plan, CancellationToken ct)
    {
        var leases = new List<LeaseRecord>();
        foreach (var address in addresses.Distinct())
        {
            if (await BindAsync(plan, address, ct) is not { } lease)
            {
                return false;
            }

            leases.Add(lease);
        }

        Conclude(plan, leases);
        return true;
    }

    private async ValueTask<LeaseRecord?> BindAsync(LeasePlan plan, IPAddress address, CancellationToken ct)
    {
        if (plan.Lease(address) is not { } held)
        {
            return await plan.TakeNamedAsync(Wanted(address, plan.Time.GetUtcNow()), Bound, ct);
        }

        var bound = Bound(held);
        return bound == held ? held : await plan.ChangeAsync(bound, ct);
    }

    private LeaseRecord Bound(LeaseRecord held) =>
        held.Bound == _endpoint ? held
        : held.Bound is null && held.Adapter == adapter && held.Purpose != LeasePurpose.Foreign ? held with { Bound = _endpoint }
        : throw new CalicoException(Problem.AlreadyExists,
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
