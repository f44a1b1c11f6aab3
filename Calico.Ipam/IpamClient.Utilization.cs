using System.Collections.Immutable;
using System.Numerics;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

public sealed partial class IpamClient
{
    /// <summary>How much of the pools is used.</summary>
    /// <param name="pools">Names or CIDRs; empty: all, and what lies in none.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<ImmutableArray<PoolUtilization>> GetUtilizationAsync(ImmutableArray<string> pools, CancellationToken ct)
    {
        var (all, reserved) = (await _facts.PoolsAsync(ct), await _facts.ReservationsAsync(ct));
        ImmutableArray<AllocationBlock> blocks = [.. await BlocksAsync(4, ct), .. await BlocksAsync(6, ct)];
        var chosen = pools.IsEmpty ? all : [.. all.Where(p => pools.Any(w => PoolChoice.Find([p], w) is not null))];
        var used = chosen.Select(p => UtilizationOf(p.Name, p.Cidr, blocks, reserved));
        if (!pools.IsEmpty)
        {
            return [.. used];
        }

        var orphans = blocks.Where(b => !all.Any(p => p.Cidr.Contains(b.Cidr))).GroupBy(b => b.Cidr.IsIpv6)
            .Select(g => OrphansOf(new Cidr(g.Key, 0, 0), [.. g], reserved));
        return [.. used, .. orphans];
    }

    private static PoolUtilization UtilizationOf(string name, Cidr pool, ImmutableArray<AllocationBlock> blocks, AddressSet reserved)
    {
        var inside = blocks.Where(b => pool.Contains(b.Cidr)).Select(b => UtilizationOf(b, reserved)).ToImmutableArray();
        var space = PoolSpace.Of(pool, reserved, inside.Select(b => b.Cidr));
        return new(name, pool, space.Capacity, inside.Sum(b => b.InUse), space.Reserved,
            space.AvailableOutsideBlocks + inside.Sum(b => b.Available), inside);
    }

    private static PoolUtilization OrphansOf(Cidr everything, ImmutableArray<AllocationBlock> blocks, AddressSet reserved)
    {
        var inside = blocks.Select(b => UtilizationOf(b, reserved)).ToImmutableArray();
        return new("orphaned allocations", everything, inside.Aggregate(BigInteger.Zero, (sum, b) => sum + b.Capacity),
            inside.Sum(b => b.InUse),
            inside.Sum(b => b.Reserved), inside.Sum(b => b.Available), inside);
    }

    private static BlockUtilization UtilizationOf(AllocationBlock block, AddressSet reserved) =>
        new(block.Cidr, block.Affinity, block.Size, block.Size - block.FreeCount, block.CountIn(reserved),
            block.FreeCountOutside(reserved));
}
