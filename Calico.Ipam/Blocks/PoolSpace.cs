using System.Numerics;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>How the addresses of a pool divide.</summary>
/// <param name="Capacity">All.</param>
/// <param name="Reserved">Never assigned.</param>
/// <param name="AvailableOutsideBlocks">In no block yet, and not reserved.</param>
public sealed record PoolSpace(BigInteger Capacity, BigInteger Reserved, BigInteger AvailableOutsideBlocks)
{
    /// <summary>Divides a pool.</summary>
    /// <param name="pool">Its range.</param>
    /// <param name="reserved">Reservations.</param>
    /// <param name="blocks">Its blocks; those elsewhere are not counted.</param>
    public static PoolSpace Of(Cidr pool, AddressSet reserved, IEnumerable<Cidr> blocks)
    {
        var outside = pool.Count - reserved.CountIn(pool);
        foreach (var block in AddressSet.Of(blocks).Ranges)
        {
            if (pool.Contains(block))
            {
                outside -= block.Count - reserved.CountIn(block);
            }
        }

        return new(pool.Count, reserved.CountIn(pool), outside);
    }
}
