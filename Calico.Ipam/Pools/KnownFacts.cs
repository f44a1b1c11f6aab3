using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>What this node knows of pools, reservations, labels and configuration without asking the store: an answer that does not wait
/// for the store obeys the same rules as one that does.</summary>
internal sealed record KnownFacts
{
    public ImmutableArray<IpamPool> Pools { get; init; } = [];

    public AddressSet Reserved { get; init; } = AddressSet.Empty;

    /// <summary>Null: the node is not known, and then no pool serves it.</summary>
    public IReadOnlyDictionary<string, string>? NodeLabels { get; init; }

    public bool StrictAffinity { get; init; }

    /// <summary>Whether a released address has to rest.</summary>
    public bool Cools { get; init; }

    /// <summary>Blocks that this node has an affinity to; only kept with <see cref="StrictAffinity"/>.</summary>
    public ImmutableHashSet<string> OwnBlocks { get; init; } = [];

    /// <summary>Whether an address that this node holds may be given to a workload that names it.</summary>
    public bool AllowsExact(HeldAddress held) => PoolOf(held) is { Disabled: false } pool && pool.AllowedUses.Contains(IntendedUse.Workload)
        && (!StrictAffinity || OwnBlocks.Contains(held.Block));

    /// <summary>Whether an address that this node holds may be given to a workload that does not choose.</summary>
    /// <param name="held">Parked, or released here.</param>
    /// <param name="named">Names or CIDRs of pools that the claim names; one that is not known fits nothing.</param>
    /// <param name="namespaceLabels">Null: no namespace, or an unknown one.</param>
    public bool Allows(HeldAddress held, ImmutableArray<string> named, IReadOnlyDictionary<string, string>? namespaceLabels)
    {
        if (!AllowsExact(held) || Reserved.Contains(held.Ip) || NodeLabels is null)
        {
            return false;
        }

        var version = Cidr.From(held.Ip).Version;
        var pools = named.Select(n => PoolChoice.Find(Pools, n)).ToImmutableArray();
        return !pools.Contains(null)
            && PoolChoice.Of(Pools, version, [.. pools.Where(p => p!.Cidr.Version == version).Select(p => p!.Name)], NodeLabels,
                namespaceLabels)
                .Contains(PoolOf(held)!);
    }

    private IpamPool? PoolOf(HeldAddress held) =>
        Cidr.TryParse(held.Block, out var block) ? Pools.FirstOrDefault(p => p.IsOfItsBlocks(block)) : null;
}
