using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Keeps the reserve of one family at its size.</summary>
internal sealed class ParkOperation(int ipVersion, int target) : NodeOperation<int>
{
    public override IEnumerable<string> Scopes => ["parked"];

    public override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        var parked = plan.Ledger.Parked.Values.Where(p => Cidr.From(p.Ip).Version == ipVersion).ToImmutableArray();
        var missing = target - parked.Length;
        plan.Answer = missing;
        foreach (var surplus in parked.Skip(target))
        {
            await plan.ReleaseAsync(surplus.Ip, surplus.Handle, surplus.Sequence, ct);
            plan.Edit.RemoveParked(surplus.Ip);
        }

        if (missing <= 0)
        {
            return;
        }

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

    public override bool TryPlanOffline(OfflinePlan plan) => false;
}
