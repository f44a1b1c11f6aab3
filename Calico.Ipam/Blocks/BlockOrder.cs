using System.Numerics;
using System.Text;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>The order in which a host tries the blocks of a pool: a start that its name decides, then onwards and round.</summary>
/// <remarks>Upstream's, bit for bit: the start comes from Go's pseudo-random generator seeded with FNV-1 of the name. So two hosts seldom
/// collide, and a host that lost its memory finds its own blocks first.</remarks>
public static class BlockOrder
{
    /// <summary>Every block of the pool once.</summary>
    /// <param name="pool">Its range.</param>
    /// <param name="blockSize">Prefix length of its blocks; at least the pool's.</param>
    /// <param name="host">Node name.</param>
    public static IEnumerable<Cidr> Of(Cidr pool, int blockSize, string host)
    {
        var bits = blockSize - pool.PrefixLength;
        if (bits < 0 || blockSize > pool.AddressBits)
        {
            yield break;
        }

        var count = BigInteger.One << bits;
        var start = new GoRandom(Fnv1(host)).Below(count);
        for (var i = BigInteger.Zero; i < count; i++)
        {
            var index = (UInt128)((start + i) % count);
            yield return new(pool.IsIpv6, pool.First + (index << (pool.AddressBits - blockSize)), blockSize);
        }
    }

    /// <summary>FNV-1, 32 bits.</summary>
    internal static uint Fnv1(string text)
    {
        var hash = 2166136261;
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            hash = unchecked(hash * 16777619) ^ value;
        }

        return hash;
    }
}
