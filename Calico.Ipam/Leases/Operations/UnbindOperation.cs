using System.Collections.Immutable;

namespace Calico.Ipam;

/// <summary>An endpoint is gone: its Endpoint leases and those whose release waited for it are freed; others are only unbound.</summary>
/// <param name="adapter">Whose.</param>
/// <param name="endpoint">The endpoint.</param>
/// <param name="leases">Its leases as the caller knows them; others that are bound to it go with it.</param>
/// <param name="companion">Written along.</param>
/// <param name="onlyNamed">Only <paramref name="leases"/> are freed: the endpoint lives on with others.</param>
internal sealed class UnbindOperation(string adapter, WorkloadEndpointId endpoint, ImmutableArray<AddressLease> leases,
    LeaseCompanion companion,
    bool onlyNamed = false) : NodeOperation<bool>
{
    private readonly string _endpoint = LeaseRecord.FormatEndpoint(endpoint);

    public override IEnumerable<string> Scopes =>
        [$"endpoint/{_endpoint}", .. leases.SelectMany(l => new[] { $"address/{l.Address}", $"handle/{l.Handle}" })];

    public override bool OutlivesCaller => true;

    public override async ValueTask<bool> PlanAsync(LeasePlan plan, CancellationToken ct)
    {
        foreach (var lease in Held(plan.Ledger))
        {
            if (IsFreed(lease))
            {
                await plan.EndAsync(lease, ct);
            }
            else
            {
                await plan.UnbindAsync(lease, ct);
            }
        }

        foreach (var lease in Unknown(plan.Ledger))
        {
            await plan.EndUnknownAsync(lease, ct);
        }

        plan.Add(companion);
        return true;
    }

    private static bool IsFreed(LeaseRecord lease) => lease.IsDeferred || lease.Purpose is LeasePurpose.Endpoint or LeasePurpose.Foreign;

    private ImmutableArray<LeaseRecord> Held(LeaseLedger ledger) =>
        [.. (onlyNamed ? [] : ledger.OfEndpoint(_endpoint).Where(l => l.Adapter == adapter))
            .Union(leases.Select(l => ledger.Leases.GetValueOrDefault(l.Address)).OfType<LeaseRecord>()
                .Where(r => (onlyNamed || r.Bound is null) && leases.Any(l => IsSame(l, r))))];

    /// <summary>An audit knows the store's number, an adapter the one it was told; they differ for a lease that was served offline.
    /// </summary>
    private static bool IsSame(AddressLease lease, LeaseRecord record) =>
        lease.Address.Equals(record.Ip) && lease.Handle == record.Handle
            && (lease.Sequence == record.Sequence || lease.Sequence == record.StoreSequence);

    private IEnumerable<AddressLease> Unknown(LeaseLedger ledger) =>
        leases.Where(l => !ledger.Leases.ContainsKey(l.Address) && !ledger.Releases.ContainsKey(l.Address)
            && !ledger.Parked.ContainsKey(l.Address)
            && l.Purpose is LeasePurpose.Endpoint or LeasePurpose.Foreign);
}
