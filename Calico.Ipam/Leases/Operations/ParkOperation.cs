using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Keeps the reserve of one family at its size.</summary>
/// <param name="ipVersion">4 or 6.</param>
/// <param name="target">How many.</param>
/// <param name="isFit">Which of those held may be kept: not those of a pool that is gone or serves this node no more.</param>
internal sealed class ParkOperation(int ipVersion, int target, Func<HeldAddress, bool> isFit) : StoreOnlyOperation<int>
{
    public override IEnumerable<string> Scopes => ["parked"];

    protected override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        var parked = plan.Ledger.Parked.Values.Where(p => Cidr.From(p.Ip).Version == ipVersion).ToLookup(isFit);
        var missing = target - parked[true].Count();
        ImmutableArray<HeldAddress> given = [.. parked[false], .. parked[true].Skip(target)];
        plan.Answer = missing;
        foreach (var surplus in given)
        {
            await plan.ReleaseAsync(surplus.Ip, surplus.Handle, surplus.Sequence, ct);
            plan.Edit.RemoveParked(surplus.Ip);
        }

        // One after the other: that there is no other pool is no reason to keep those of a dead one.
        if (missing > 0 && given.IsEmpty)
        {
            await ParkAsync(plan, missing, ct);
        }
    }

    private async Task ParkAsync(OnlinePlan plan, int missing, CancellationToken ct)
    {
        var handle = $"parked.{plan.Node}";
        var request = new AutoAssignRequest
        {
            Host = plan.Node,
            Use = IntendedUse.Workload,
            Ipv4 = ipVersion == 4 ? missing : 0,
            Ipv6 = ipVersion == 6 ? missing : 0,
            Handle = handle,
            Attributes = ImmutableSortedDictionary<string, string>.Empty.Add("node", plan.Node).Add("type", "parked"),
            IsBetterLeft = plan.IsBetterLeft,
            IsHeld = plan.IsHeld,
        };
        var (assigned, _) = await plan.Auto.AssignAsync(request, ipVersion, ct);
        foreach (var (address, cidr) in assigned.Addresses.Zip(assigned.Blocks))
        {
            var block = (await plan.Change.BlockAsync(cidr, ct))!;
            var sequence = block.SequenceOf(block.OrdinalOf(address)!.Value)!.Value;
            plan.Acquired.Add(new(address, cidr, handle, sequence));
            plan.Edit.SetParked(new() { Address = address.ToString(), Block = cidr.ToString(), Handle = handle, Sequence = sequence });
        }
    }
}
