using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;

namespace Calico.Ipam;

/// <summary>Takes the leases of an endpoint again that this node's ledger has not any more: a person freed them, or another had them for a
/// while.</summary>
internal sealed class RetakeOperation(WorkloadEndpointId endpoint, ImmutableArray<AddressLease> leases) : StoreOnlyOperation<bool>
{
    private readonly string _endpoint = LeaseRecord.FormatEndpoint(endpoint);

    public override IEnumerable<string> Scopes =>
        [$"endpoint/{_endpoint}", .. leases.SelectMany(l => new[] { $"address/{l.Address}", $"handle/{l.Handle}" })];

    protected override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        foreach (var lease in leases)
        {
            if (plan.Lease(lease.Address) is { } held)
            {
                if (held.Handle != lease.Handle || held.Bound != _endpoint)
                {
                    throw HeldBy(lease, $"handle \"{held.Handle}\" of this node");
                }

                continue;
            }

            await RetakeAsync(plan, lease, ct);
        }
    }

    private async Task RetakeAsync(OnlinePlan plan, AddressLease lease, CancellationToken ct)
    {
        var wanted = ToRecord(lease);
        if (await plan.FindAsync(lease.Address, ct) is not { } found
            || found.Block.AttributeOf(found.Ordinal) is not { ReleasedAt: null } attribute)
        {
            await plan.RetakeAsync(wanted, ct);
            return;
        }

        if (plan.Ledger.Parked.ContainsKey(lease.Address) && LeaseRecord.NodeOf(attribute) == plan.Node)
        {
            plan.Edit.RemoveParked(lease.Address);
            await plan.TakeOverAsync(found.Block, found.Ordinal, wanted, ct);
        }
        else if (plan.IsOurs(found.Block, found.Ordinal, wanted))
        {
            plan.Edit.Set(LeaseRecord.From(found.Block, found.Ordinal) with { Sequence = lease.Sequence });
        }
        else
        {
            throw HeldBy(lease, LeaseRecord.DescribeHolder(attribute));
        }
    }

    private static CalicoException HeldBy(AddressLease lease, string holder) => new(Problem.AlreadyExists,
        $"its address {lease.Address} was given to {holder} while the datastore did not show it as this node's");

    private static Cidr UsualBlock(Cidr address) => address.Widen(IpPoolSpec.DefaultBlockSize(address));

    private LeaseRecord ToRecord(AddressLease lease) => new()
    {
        Address = lease.Address.ToString(),
        Block = UsualBlock(Cidr.From(lease.Address)).ToString(),
        Handle = lease.Handle,
        Purpose = lease.Purpose,
        Adapter = lease.Adapter,
        Owner = lease.Owner,
        Sequence = lease.Sequence,
        Bound = _endpoint,
        Since = lease.Since,
        StoreHandle = lease.Handle,
        StoreSequence = 0,
    };
}
