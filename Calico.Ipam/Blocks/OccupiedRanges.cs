using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Where there are blocks already. Those of another size than a pool's are left from an earlier pool; they count as far as they
/// overlap.</summary>
internal static class OccupiedRanges
{
    /// <summary>A block that shares an address with a range, or null.</summary>
    public static Cidr? Overlapping(IEnumerable<Cidr> blocks, Cidr range) =>
        blocks.Cast<Cidr?>().FirstOrDefault(b => b!.Value.Overlaps(range));

    /// <summary>The blocks of a pool that overlap none, in the order in which a host tries them.</summary>
    /// <param name="blocks">Those that exist.</param>
    /// <param name="pool">The pool.</param>
    /// <param name="host">Node name.</param>
    /// <param name="within">Only blocks that have an address of it; it overlaps the pool. Null: any.</param>
    public static IEnumerable<Cidr> FreeIn(ImmutableArray<Cidr> blocks, IpamPool pool, string host, IPNetwork? within = null)
    {
        // The part itself is walked, not the pool with all else left out: the first block of a big pool is seldom in a small range.
        var part = within is { } given && Cidr.From(given) is var range && range.PrefixLength > pool.Cidr.PrefixLength
            ? range.Widen(Math.Min(range.PrefixLength, pool.BlockSize)) : pool.Cidr;
        var inside = blocks.Where(part.Overlaps).ToImmutableArray();
        var taken = inside.ToHashSet();
        var others = inside.Where(b => b.PrefixLength != pool.BlockSize).ToImmutableArray();

        // Among one more candidate than blocks can spoil one has to be free, however big the pool is.
        var spoilt = inside.Sum(b => 1L << Math.Clamp(pool.BlockSize - b.PrefixLength, 0, 16));
        return BlockOrder.Of(part, pool.BlockSize, host).Take((int)Math.Min(spoilt + 1, int.MaxValue))
            .Where(c => !taken.Contains(c) && Overlapping(others, c) is null);
    }
}
