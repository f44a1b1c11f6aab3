using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Where there are blocks already. Those of another size than a pool's are left from an earlier pool; they count as far as they
/// overlap.</summary>
internal static class OccupiedRanges
{
    /// <summary>A block that shares an address with a range, or null.</summary>
    public static Cidr? Overlapping(IEnumerable<Cidr> blocks, Cidr range) => blocks.Cast<Cidr?>().FirstOrDefault(b => b!.Value.Overlaps(range));

    /// <summary>The blocks of a pool that overlap none, in the order in which a host tries them.</summary>
    public static IEnumerable<Cidr> FreeIn(ImmutableArray<Cidr> blocks, IpamPool pool, string host)
    {
        var inside = blocks.Where(pool.Cidr.Overlaps).ToImmutableArray();
        var taken = inside.ToHashSet();
        var others = inside.Where(b => b.PrefixLength != pool.BlockSize).ToImmutableArray();

        // Among one more candidate than blocks can spoil one has to be free, however big the pool is.
        var spoilt = inside.Sum(b => 1L << Math.Clamp(pool.BlockSize - b.PrefixLength, 0, 16));
        return BlockOrder.Of(pool.Cidr, pool.BlockSize, host).Take((int)Math.Min(spoilt + 1, int.MaxValue))
            .Where(c => !taken.Contains(c) && Overlapping(others, c) is null);
    }
}
