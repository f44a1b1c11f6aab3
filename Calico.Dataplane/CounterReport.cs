using System.Collections.Immutable;
using Calico.Dataplane.Translation;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane;

/// <summary>What the kernel counts for us, at one moment.</summary>
/// <param name="Drops">Packets dropped since the table was made, by reason.</param>
/// <param name="Rules">By rule.</param>
public sealed record CounterReport(ImmutableSortedDictionary<string, long> Drops, ImmutableArray<RuleCount> Rules)
{
    /// <summary>Nothing is known.</summary>
    public static readonly CounterReport Empty = new(ImmutableSortedDictionary<string, long>.Empty, []);

    /// <summary>From one list of the kernel's. A counter that is not there yet has met nothing.</summary>
    internal static CounterReport Of(IEnumerable<NftCounterState> listed, IEnumerable<(Provenance Rule, string Counter)> rules)
    {
        var (drop, counters) = (Names.Drop(""), listed.ToDictionary(c => c.Name, StringComparer.Ordinal));
        return new(
            counters.Values.Where(c => c.Name.StartsWith(drop, StringComparison.Ordinal))
                .ToImmutableSortedDictionary(c => c.Name[drop.Length..], c => (long)c.Packets, StringComparer.Ordinal),
            [.. rules.Select(r => counters.TryGetValue(r.Counter, out var counter)
                ? new RuleCount(r.Rule, (long)counter.Packets, (long)counter.Bytes) : new RuleCount(r.Rule, 0, 0))]);
    }
}
