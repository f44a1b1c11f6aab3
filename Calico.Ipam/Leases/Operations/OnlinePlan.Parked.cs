using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <content>The reserve, while the store is there.</content>
internal sealed partial class OnlinePlan
{
    /// <summary>The last addresses of a pool: what this node keeps for when the store is away goes to who asks while it is there.</summary>
    /// <returns>Whether there are as many as wanted.</returns>
    private async ValueTask<bool> TryTakeParkedAsync(LeaseRecord wanted, AddressClaim claim, int ipVersion,
        ImmutableArray<LeaseRecord>.Builder leases, int count, CancellationToken ct)
    {
        var known = new KnownFacts
        {
            Pools = await Facts.PoolsAsync(ct),
            Reserved = await Facts.ReservationsAsync(ct),
            NodeLabels = await Facts.NodeLabelsAsync(Node, ct),
        };
        var isStrict = (await Facts.ConfigAsync(ct)).StrictAffinity;
        var namespaceLabels = claim.Namespace.Length == 0 ? null : await Facts.NamespaceLabelsAsync(claim.Namespace, ct);
        foreach (var parked in Ledger.Parked.Values.Where(p => !p.IsDoubtful && Cidr.From(p.Ip).Version == ipVersion))
        {
            if (leases.Count == count)
            {
                break;
            }

            // Another operation of this transaction may have taken it.
            if (IsWithin(claim, parked.Ip) && Lease(parked.Ip) is null && known.Allows(parked, claim.Pools, namespaceLabels)
                && await FindAsync(parked.Ip, ct) is { } found && found.Block.AttributeOf(found.Ordinal) is { ReleasedAt: null } attribute
                && attribute.HandleId == parked.Handle && found.Block.RefusalFor(new AffinityOwner(Node).Text, isStrict) is null)
            {
                Edit.RemoveParked(parked.Ip);
                leases.Add(await TakeOverAsync(found.Block, found.Ordinal, wanted, ct));
            }
        }

        return leases.Count == count;
    }
}
