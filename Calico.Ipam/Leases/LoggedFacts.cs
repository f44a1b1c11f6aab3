using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary><see cref="KnownFacts"/> as the node log has them: for a start while the store is away.</summary>
internal sealed record LoggedFacts(ImmutableArray<LoggedPool> Pools, ImmutableArray<string> Reserved,
    ImmutableSortedDictionary<string, string>? NodeLabels,
    bool StrictAffinity, bool Cools, ImmutableArray<string> OwnBlocks)
{
    public static LoggedFacts From(KnownFacts known) =>
        new([.. known.Pools.Select(LoggedPool.From)], [.. known.Reserved.Ranges.Select(r => r.ToString())],
        known.NodeLabels?.ToImmutableSortedDictionary(StringComparer.Ordinal), known.StrictAffinity, known.Cools,
        [.. known.OwnBlocks.Order(StringComparer.Ordinal)]);

    public KnownFacts ToKnown() => new()
    {
        Pools = [.. Pools.Select(p => p.ToPool())],
        Reserved = AddressSet.Read(Reserved),
        NodeLabels = NodeLabels,
        StrictAffinity = StrictAffinity,
        Cools = Cools,
        OwnBlocks = [.. OwnBlocks],
    };
}

/// <summary>A pool as it was when the store was last seen.</summary>
internal sealed record LoggedPool(string Name, string Cidr, int BlockSize, bool Disabled, bool IsManual, string NodeSelector,
    string NamespaceSelector,
    ImmutableArray<IntendedUse> AllowedUses)
{
    public static LoggedPool From(IpamPool pool) =>
        new(pool.Name, pool.Cidr.ToString(), pool.BlockSize, pool.Disabled, pool.IsManual, pool.NodeSelector,
        pool.NamespaceSelector, pool.AllowedUses);

    public IpamPool ToPool() => new()
    {
        Name = Name,
        Cidr = Datastore.Addresses.Cidr.Parse(Cidr),
        BlockSize = BlockSize,
        Disabled = Disabled,
        IsManual = IsManual,
        NodeSelector = NodeSelector,
        NamespaceSelector = NamespaceSelector,
        AllowedUses = AllowedUses,
    };
}
