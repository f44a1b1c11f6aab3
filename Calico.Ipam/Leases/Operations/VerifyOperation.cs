using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Compares the node log with the store: what a crash left half done is finished or forgotten, and what the log lost is found.</summary>
internal sealed class VerifyOperation : NodeOperation<VerifyOutcome>
{
    public override IEnumerable<string> Scopes => [];

    public override bool IsExclusive => true;

    public override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        var lost = ImmutableArray.CreateBuilder<LeaseRecord>();
        foreach (var lease in plan.Ledger.Leases.Values.Where(l => !l.IsOffline).ToArray())
        {
            if (await VerifyAsync(plan, lease, ct) is { } gone)
            {
                lost.Add(gone);
            }
        }

        foreach (var parked in plan.Ledger.Parked.Values.ToArray())
        {
            var block = await plan.Change.BlockAsync(Cidr.Parse(parked.Block), ct);
            if (block is null || block.AttributeOf(block.OrdinalOf(parked.Ip)!.Value)?.HandleId != parked.Handle
                || block.SequenceOf(block.OrdinalOf(parked.Ip)!.Value) != parked.Sequence)
            {
                plan.Edit.RemoveParked(parked.Ip);
            }
        }

        plan.Answer = new VerifyOutcome(lost.ToImmutable(), await AdoptAsync(plan, ct));
    }

    public override bool TryPlanOffline(OfflinePlan plan) => false;

    /// <returns>The lease if another has its address.</returns>
    private static async Task<LeaseRecord?> VerifyAsync(OnlinePlan plan, LeaseRecord lease, CancellationToken ct)
    {
        var block = await plan.Change.BlockAsync(lease.Cidr, ct);
        var ordinal = block?.OrdinalOf(lease.Ip) ?? 0;
        var attribute = block?.AttributeOf(ordinal);
        if (attribute is { ReleasedAt: null } && attribute.HandleId == lease.Handle && LeaseRecord.NodeOf(attribute) == plan.Node)
        {
            if (block!.SequenceOf(ordinal) != lease.StoreSequence)
            {
                plan.Edit.Set(lease with { StoreSequence = block.SequenceOf(ordinal) ?? 0, IsOffline = true });
            }

            return null;
        }

        plan.Edit.RemoveLease(lease.Ip);
        if (attribute is not null)
        {
            return lease;
        }

        // Written to the log before a transaction that never took, or freed by a person. An endpoint that has it keeps it.
        if (lease.Bound is not null)
        {
            try
            {
                await plan.TakeFreeAsync(lease, ct);
            }
            catch (CalicoException e) when (e.Problem is Problem.NotFound or Problem.Conflict)
            {
                return lease;
            }
        }

        return null;
    }

    /// <summary>Finds leases of this node in its own blocks that the log has lost.</summary>
    private static async Task<int> AdoptAsync(OnlinePlan plan, CancellationToken ct)
    {
        var adopted = 0;
        foreach (var version in new[] { 4, 6 })
        {
            foreach (var cidr in await plan.Change.AffineBlocksAsync(new(plan.Node), version, ct))
            {
                if (await plan.Change.UsableBlockAsync(cidr, ct) is not { } block)
                {
                    continue;
                }

                foreach (var ordinal in block.AllocatedOrdinals.Where(o => IsUnknown(plan, block, o)).ToArray())
                {
                    adopted++;
                    Adopt(plan, block, ordinal);
                }
            }
        }

        return adopted;
    }

    private static void Adopt(OnlinePlan plan, AllocationBlock block, int ordinal)
    {
        var lease = LeaseRecord.From(block, ordinal);
        if (lease.Handle == $"parked.{plan.Node}")
        {
            plan.Edit.SetParked(new() { Address = lease.Address, Block = lease.Block, Handle = lease.Handle, Sequence = lease.StoreSequence });
        }
        else
        {
            plan.Edit.Set(lease);
        }
    }

    private static bool IsUnknown(OnlinePlan plan, AllocationBlock block, int ordinal)
    {
        var (address, attribute) = (block.AddressOf(ordinal), block.AttributeOf(ordinal)!);
        return attribute.ReleasedAt is null && LeaseRecord.NodeOf(attribute) == plan.Node
            && (attribute.HandleId == $"parked.{plan.Node}" || attribute.Secondary!.ContainsKey("adapter"))
            && plan.Lease(address) is null && !plan.Ledger.Parked.ContainsKey(address) && !plan.Ledger.Releases.ContainsKey(address)
            && !plan.Ledger.Leases.ContainsKey(address);
    }
}
