using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>Compares the node log with the store. The log is the truth about this node's leases: what the store has lost of them (blocks,
/// allocations, handles, affinities) is written again, what a crash left half done is finished or forgotten, and what the log lost is
/// found.</summary>
/// <param name="retakesUnbound">Whether leases without an endpoint were surely in the store once. In the log of a process that died they
/// may be of a transaction that never took.</param>
internal sealed class VerifyOperation(Func<bool> retakesUnbound) : StoreOnlyOperation<VerifyOutcome>
{
    /// <summary>Keys that a comparison writes at most; the rest is for the next one.</summary>
    private const int MostWrites = 60;

    private ImmutableArray<(LeaseRecord, string)>.Builder _lost = ImmutableArray.CreateBuilder<(LeaseRecord, string)>();
    private readonly SortedDictionary<string, string> _damaged = new(StringComparer.Ordinal);
    private int _retaken;

    public override IEnumerable<string> Scopes => [];

    public override bool IsExclusive => true;

    protected override async Task PlanAsync(OnlinePlan plan, CancellationToken ct)
    {
        _lost = ImmutableArray.CreateBuilder<(LeaseRecord, string)>();
        _retaken = 0;
        _damaged.Clear();
        var leases = plan.Ledger.Leases.Values.Where(l => !l.IsOffline).ToArray();
        await plan.Change.PreloadAsync([.. leases.SelectMany(l => new[] { IpamKeys.Block(l.Block), IpamKeys.Handle(l.Handle) })], ct);
        foreach (var lease in leases)
        {
            if (plan.Change.Weight > MostWrites)
            {
                plan.Answer = Outcome(0, isPartial: true);
                return;
            }

            await VerifyAsync(plan, lease, ct);
        }

        foreach (var parked in plan.Ledger.Parked.Values.ToArray())
        {
            var block = await plan.Change.UsableBlockAsync(Cidr.Parse(parked.Block), ct);
            var ordinal = block?.OrdinalOf(parked.Ip) ?? 0;
            if (block?.AttributeOf(ordinal)?.HandleId != parked.Handle || block.SequenceOf(ordinal) != parked.Sequence)
            {
                plan.Edit.RemoveParked(parked.Ip);
            }
            else
            {
                await plan.Change.RecountHandleAsync(parked.Handle, block, ct);
            }
        }

        await ReviewAsideAsync(plan, ct);
        plan.Answer = Outcome(await AdoptAsync(plan, ct), isPartial: false);
    }

    private VerifyOutcome Outcome(int adopted, bool isPartial) =>
        new(_lost.ToImmutable(), _damaged.ToImmutableSortedDictionary(StringComparer.Ordinal), _retaken, adopted, isPartial);

    /// <summary>What waits for a block to be mended goes on when it is.</summary>
    private async Task ReviewAsideAsync(OnlinePlan plan, CancellationToken ct)
    {
        foreach (var release in plan.Ledger.Releases.Values.Where(r => r.IsAside).ToArray())
        {
            if (!await IsDamagedAsync(plan, release.Block, release.Ip, ct))
            {
                plan.Edit.SetRelease(release with { IsAside = false });
            }
        }

        foreach (var lease in plan.Ledger.Leases.Values.Where(l => l.IsAside).ToArray())
        {
            if (!await IsDamagedAsync(plan, lease.Block, lease.Ip, ct))
            {
                plan.Edit.Set(lease with { IsAside = false });
            }
        }
    }

    private async Task<bool> IsDamagedAsync(OnlinePlan plan, string block, IPAddress address, CancellationToken ct)
    {
        try
        {
            if (Cidr.TryParse(block, out var cidr) && await plan.Change.DamageAsync(cidr, ct) is { } reason)
            {
                _damaged[block] = reason;
                return true;
            }

            await plan.FindAsync(address, ct);
            return false;
        }
        catch (CalicoException e) when (e.Problem == Problem.Damaged)
        {
            _damaged[block] = e.Message;
            return true;
        }
    }

    private async Task VerifyAsync(OnlinePlan plan, LeaseRecord lease, CancellationToken ct)
    {
        if (await IsDamagedAsync(plan, lease.Block, lease.Ip, ct))
        {
            // Nobody can say who has it until the block is mended.
            return;
        }

        var found = await FindAsync(plan, lease, ct);
        if (found is { } held && plan.IsOurs(held.Block, held.Ordinal, lease))
        {
            await MendAsync(plan, lease, held.Block, held.Ordinal, ct);
            return;
        }

        if (found is { } other && other.Block.AttributeOf(other.Ordinal) is { ReleasedAt: null } attribute)
        {
            plan.Edit.RemoveLease(lease.Ip);
            _lost.Add((lease, LeaseRecord.DescribeHolder(attribute)));
        }
        else if (lease.Bound is not null || (retakesUnbound() && lease.Purpose != LeasePurpose.Scheduler))
        {
            await plan.RetakeAsync(lease, ct);
            _retaken++;
        }
        else
        {
            // Of a transaction that never took, or a scheduler's, which it may have released on its own node.
            plan.Edit.RemoveLease(lease.Ip);
        }
    }

    /// <summary>Makes handle and affinity agree with an allocation that stands.</summary>
    private static async Task MendAsync(OnlinePlan plan, LeaseRecord lease, AllocationBlock block, int ordinal, CancellationToken ct)
    {
        var sequence = block.SequenceOf(ordinal) ?? 0;
        if (sequence != lease.StoreSequence || block.Cidr != lease.Cidr)
        {
            plan.Edit.Set(lease with { Block = block.Cidr.ToString(), StoreSequence = sequence, IsOffline = true });
        }

        await plan.Change.RecountHandleAsync(lease.Handle, block, ct);
        await MendAffinityAsync(plan, block, ct);
    }

    private static async Task MendAffinityAsync(OnlinePlan plan, AllocationBlock block, CancellationToken ct)
    {
        var owner = new AffinityOwner(plan.Node);
        if (block.Affinity is null && (await plan.Facts.PoolsAsync(ct)).Any(p => !p.Disabled && p.Cidr.Contains(block.Cidr)))
        {
            // Taken from its host with addresses in it, as by a deletion of the node.
            plan.Change.Put(block.WithAffinity(owner.Text, plan.Time.GetUtcNow()));
            await plan.Change.PutAffinityAsync(owner, block.Cidr, IpamAffinityValue.Confirmed, ct);
        }
        else if (block.Affinity == owner.Text && await plan.Change.AffinityAsync(owner, block.Cidr, ct) is not { IsConfirmed: true })
        {
            await plan.Change.PutAffinityAsync(owner, block.Cidr, IpamAffinityValue.Confirmed, ct);
        }
    }

    /// <summary>Where the store has the address of a lease: nearly always in the block that the log names.</summary>
    private static async Task<(AllocationBlock Block, int Ordinal)?> FindAsync(OnlinePlan plan, LeaseRecord lease, CancellationToken ct)
    {
        if (await plan.Change.UsableBlockAsync(lease.Cidr, ct) is { } block && block.OrdinalOf(lease.Ip) is { } ordinal
            && plan.IsOurs(block, ordinal, lease))
        {
            return (block, ordinal);
        }

        return await plan.FindAsync(lease.Ip, ct);
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
            plan.Edit.SetParked(new() { Address = lease.Address, Block = lease.Block, Handle = lease.Handle,
                Sequence = lease.StoreSequence });
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
