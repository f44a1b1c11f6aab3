using System.Collections.Immutable;
using System.Numerics;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>How much of a pool is used.</summary>
/// <param name="Name">Name of the pool; <c>orphaned allocations</c> for blocks that no pool contains.</param>
/// <param name="Cidr">Its range; the whole family for orphans.</param>
/// <param name="Capacity">All addresses.</param>
/// <param name="InUse">Assigned.</param>
/// <param name="Reserved">Never assigned by themselves.</param>
/// <param name="Available">Free, not reserved, whether or not in a block.</param>
/// <param name="Blocks">Its blocks.</param>
public sealed record PoolUtilization(string Name, Cidr Cidr, BigInteger Capacity, BigInteger InUse, BigInteger Reserved,
    BigInteger Available,
    ImmutableArray<BlockUtilization> Blocks);
