using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <content>What is new and has to stand before anything leads there.</content>
/// <remarks>
/// A packet takes all of a base chain's rules from the generation in which it entered, but what a map leads to from the newest. So one that
/// entered before a commit can be led to a chain that this commit made, and of such a chain its own generation has no rules: it comes out
/// at the end, which accepts. After one more commit each generation has them. And ranges are to be found in a set a moment after the rules
/// of their commit are asked.
/// </remarks>
internal sealed partial class Ruleset
{
    /// <summary>Whether there are chains or sets of ranges that a transaction of their own has to make. Not with the whole table.</summary>
    public bool HasAhead => _tableInKernel && !_recreates
        && (_touchedChains.Any(IsNewChain)
            || _touchedSets.Any(s => _sets[s] is { InKernel: false, Definition.Interval: true, Count: > 0 }));

    /// <summary>Writes the new chains with the new sets that they ask; nothing leads there yet.</summary>
    public void WriteAhead(NftBatch batch)
    {
        WriteNewObjects(batch);
        var chains = _touchedChains.Where(IsNewChain).ToList();
        foreach (var name in chains)
        {
            batch.AddChain(Table, name);
        }

        foreach (var set in NewSets().Where(s => s.Count > 0))
        {
            batch.AddElements(Table, set.Definition.Name, set.Difference().Added);
        }

        foreach (var name in chains)
        {
            foreach (var rule in _chains[name].Rules)
            {
                batch.AddRule(Table, name, rule);
            }
        }
    }

    /// <summary>What was written ahead stands in the kernel.</summary>
    public void SettleAhead()
    {
        foreach (var name in _touchedChains.Where(IsNewChain).ToList())
        {
            _chains[name].InKernel = _chains[name].Identities;
            _touchedChains.Remove(name);
        }

        foreach (var set in NewSets())
        {
            set.Settle();
            _touchedSets.Remove(set.Definition.Name);
        }

        Counters.SettleNew();
    }

    private bool IsNewChain(string name) => _chains[name] is { InKernel: null, Hook: null };

    private List<SetContent> NewSets() => [.. _touchedSets.Select(s => _sets[s]).Where(s => !s.InKernel)];

    private void WriteNewObjects(NftBatch batch)
    {
        foreach (var counter in Counters.New)
        {
            batch.AddCounter(Table, counter);
        }

        foreach (var set in NewSets())
        {
            batch.AddSet(Table, set.Definition);
        }
    }
}
