using System.Collections.Immutable;

namespace Calico.Linux.Nftables;

/// <summary>All of one table, at one generation.</summary>
public sealed record NftTableState
{
    public required NftTable Table { get; init; }

    /// <summary>Put it into the next commit and that fails if anyone changed anything meanwhile.</summary>
    public required uint Generation { get; init; }

    /// <summary>What the table has that none of this library's has, in words: dormant, owned, persistent, a comment; empty: nothing.
    /// </summary>
    public string Unusual { get; init; } = "";

    public ImmutableArray<NftChain> Chains { get; init; } = [];

    /// <summary>In order within each chain.</summary>
    public ImmutableArray<NftRuleState> Rules { get; init; } = [];

    public ImmutableArray<NftSetState> Sets { get; init; } = [];

    /// <summary>By set name.</summary>
    public ImmutableDictionary<string, ImmutableArray<NftElement>> Elements { get; init; } =
        ImmutableDictionary<string, ImmutableArray<NftElement>>.Empty;

    public ImmutableArray<NftCounterState> Counters { get; init; } = [];

    /// <summary>Things of kinds that this library never makes, in words: flowtables, quotas, limits, comments of counters.</summary>
    public ImmutableArray<string> StrangeObjects { get; init; } = [];
}
