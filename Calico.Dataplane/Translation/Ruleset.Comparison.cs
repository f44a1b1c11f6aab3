using System.Collections.Immutable;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <content>How what the kernel holds is compared with what it should hold, and with what it was thought to hold.</content>
internal sealed partial class Ruleset
{
    /// <summary>Takes what the kernel really holds as the base of the difference.</summary>
    /// <param name="actual">Null: there is no such table.</param>
    /// <returns>In words, what the kernel holds otherwise than it was thought to: a stranger's doing. Without meaning before the first
    /// <see cref="Settle"/>.</returns>
    /// <remarks>What cannot be changed in place (the table's flags, a chain's hook, a set's definition) or is of a kind that we never make
    /// (a flowtable, a quota) makes the table anew, in one transaction.</remarks>
    public ImmutableArray<string> Rebase(NftTableState? actual)
    {
        _recreates = false;
        var differences = new List<string>();
        if (actual is null)
        {
            if (_tableInKernel)
            {
                differences.Add($"table {Table} is gone");
            }

            ForgetKernel();
            return [.. differences];
        }

        if (actual.Unusual.Length > 0 || !actual.StrangeObjects.IsEmpty)
        {
            _recreates = true;
            if (actual.Unusual.Length > 0)
            {
                differences.Add($"table {Table} is {actual.Unusual}");
            }

            differences.AddRange(actual.StrangeObjects.Select(o => $"{o} is not ours"));
        }

        var chains = _chains.Where(c => c.Value.InKernel is not null).Select(c => c.Key).ToHashSet();
        var sets = _sets.Where(s => s.Value.InKernel).Select(s => s.Key).ToHashSet();
        RebaseChains(actual, differences);
        RebaseSets(actual, differences);
        differences.AddRange(Counters.Rebase(actual.Counters.Select(c => c.Name).ToHashSet()));
        chains.ExceptWith(actual.Chains.Select(c => c.Name));
        sets.ExceptWith(actual.Sets.Select(s => s.Name));
        differences.AddRange(chains.Select(c => $"chain {c} is gone"));
        differences.AddRange(sets.Select(s => $"set {s} is gone"));
        _tableInKernel = true;
        return [.. differences];
    }

    private void RebaseChains(NftTableState actual, List<string> differences)
    {
        var rules = actual.Rules.ToLookup(r => r.Chain);
        var (leaving, found) = (_doomedChains.ToDictionary(), actual.Chains.ToDictionary(c => c.Name));
        _doomedChains.Clear();
        foreach (var (name, content) in _chains)
        {
            if (!found.TryGetValue(name, out var chain))
            {
                content.InKernel = null;
                _touchedChains.Add(name);
                continue;
            }

            var (former, kernel) = (content.InKernel, rules[name].Select(RuleIdentity.Of).ToImmutableArray());
            // Hook, priority and policy cannot all be changed in place; order between chains is what the whole schema rests on.
            if (!content.Matches(chain))
            {
                _recreates = true;
                differences.Add($"chain {name} has another hook, priority, type, policy "
                    + $"or {(chain.Unusual.Length > 0 ? chain.Unusual : "device")}");
            }
            // Not one that was to go and is wanted again: nobody knows its rules.
            if (former is { } thought && !thought.Contains(default) && !kernel.AsSpan().SequenceEqual(thought.AsSpan()))
            {
                differences.Add($"rules of chain {name}");
            }

            content.InKernel = kernel;
            if (content.IsSettled)
            {
                content.InKernel = content.Identities;
                _touchedChains.Remove(name);
            }
            else
            {
                _touchedChains.Add(name);
            }
        }

        foreach (var stranger in found.Keys.Where(c => !_chains.ContainsKey(c)))
        {
            _doomedChains.Add(stranger, new(null, leaving.GetValueOrDefault(stranger).Since));
        }

        differences.AddRange(_doomedChains.Keys.Except(leaving.Keys).Select(c => $"chain {c} is not ours"));
    }

    private void RebaseSets(NftTableState actual, List<string> differences)
    {
        var (leaving, found) = (_doomedSets.ToDictionary(), actual.Sets.ToDictionary(s => s.Name));
        _doomedSets.Clear();
        foreach (var (name, content) in _sets)
        {
            _touchedSets.Add(name);
            if (!found.TryGetValue(name, out var set))
            {
                content.Rebase(null);
                continue;
            }

            if (!set.Matches(content.Definition))
            {
                _recreates = true;
                differences.Add($"definition of set {name}{(set.Unusual.Length > 0 ? ": " + set.Unusual : "")}");
            }

            if (content.Rebase(actual.Elements[name]) is > 0 and var count)
            {
                differences.Add($"{count} elements of set {name}");
            }

            if (content.IsSettled)
            {
                _touchedSets.Remove(name);
            }
        }
        // A set without a name lives and dies with the rule that holds it.
        foreach (var stranger in found.Values.Where(s => !_sets.ContainsKey(s.Name) && (s.Flags & NftSetFlags.Anonymous) == 0))
        {
            _doomedSets.Add(stranger.Name, new(null, leaving.GetValueOrDefault(stranger.Name).Since));
        }

        differences.AddRange(_doomedSets.Keys.Except(leaving.Keys).Select(s => $"set {s} is not ours"));
    }

    /// <summary>The next transaction deletes the table and makes it anew: the way out when the difference is refused again and
    /// again.</summary>
    public void Recreate() => _recreates = true;

    /// <summary>As if the table were not there.</summary>
    private void ForgetKernel()
    {
        _tableInKernel = false;
        foreach (var (name, chain) in _chains)
        {
            chain.InKernel = null;
            _touchedChains.Add(name);
        }

        foreach (var (name, set) in _sets)
        {
            set.Rebase(null);
            _touchedSets.Add(name);
        }

        _doomedChains.Clear();
        _doomedSets.Clear();
        Counters.ForgetKernel();
    }
}
