using System.Collections.Immutable;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What our table should hold, and how it differs from the kernel.</summary>
/// <remarks>
/// Nobody adds a rule to the kernel; they change what is desired here, and <see cref="Write"/> turns the difference into one
/// transaction. The kernel is compared by what acts (<see cref="Rebase"/>): names and comments are what a stranger's change leaves as it
/// was. What a packet under way may still be led to is deleted in a later one, when <see cref="EndGrace"/> says that it may.
/// </remarks>
internal sealed partial class Ruleset
{
    private readonly GraceClock _clock = new();
    private readonly Dictionary<string, ChainContent> _chains = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SetContent> _sets = new(StringComparer.Ordinal);
    private readonly HashSet<string> _touchedChains = new(StringComparer.Ordinal);
    private readonly HashSet<string> _touchedSets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Doomed<ChainContent>> _doomedChains = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Doomed<SetContent>> _doomedSets = new(StringComparer.Ordinal);
    private bool _tableInKernel;
    private bool _recreates;

    public Ruleset(NftTable table) => (Table, Counters) = (table, new(_clock));

    public NftTable Table { get; }

    /// <summary>What its rules count in.</summary>
    public TableCounters Counters { get; }

    public IReadOnlyDictionary<string, ChainContent> Chains => _chains;

    public IReadOnlyDictionary<string, SetContent> Sets => _sets;

    /// <summary>Whether the kernel holds something else.</summary>
    public bool IsPending => !_tableInKernel || _recreates || _touchedChains.Count + _touchedSets.Count > 0 || Counters.IsPending
        || _doomedChains.Count + _doomedSets.Count > 0;

    public void SetChain(string name, ImmutableArray<NftRule> rules, ChainHook? hook = null)
    {
        if (!_chains.TryGetValue(name, out var chain))
        {
            if (_doomedChains.Remove(name, out var doomed))
            {
                // It was to be deleted and is wanted again. Where only the kernel knows its rules, they are not worth comparing.
                chain = doomed.Content ?? new(hook) { InKernel = [default] };
            }

            _chains.Add(name, chain ??= new(hook));
        }

        chain.Rules = [.. rules.Select(RuleIdentity.Mark)];
        if (chain.IsSettled)
        {
            _touchedChains.Remove(name);
        }
        else
        {
            _touchedChains.Add(name);
        }
    }

    public void RemoveChain(string name)
    {
        if (_chains.Remove(name, out var chain))
        {
            _touchedChains.Remove(name);
            if (chain.InKernel is not null)
            {
                // A base chain is entered from nowhere in the table: it goes at once.
                _doomedChains.Add(name, new(chain, chain.Hook is null ? _clock.Next : 0));
            }
        }
    }

    /// <summary>The set of that definition, made if it is not there. A name stands for one definition for ever.</summary>
    public SetContent DefineSet(NftSet definition)
    {
        if (!_sets.TryGetValue(definition.Name, out var set))
        {
            // Where only the kernel knows its content, a refusal stood between, and the kernel is compared before anything is written.
            _doomedSets.Remove(definition.Name, out var doomed);
            _sets.Add(definition.Name, set = doomed.Content ?? new(definition, _clock));
            _touchedSets.Add(definition.Name);
        }

        return set;
    }

    public void AddElement(string set, NftElement element)
    {
        _sets[set].Add(element);
        _touchedSets.Add(set);
    }

    public void RemoveElement(string set, NftElement element)
    {
        _sets[set].Remove(element);
        _touchedSets.Add(set);
    }

    public void ReplaceElements(string set, IEnumerable<NftElement> elements)
    {
        _sets[set].Replace(elements);
        _touchedSets.Add(set);
    }

    public void RemoveSet(string name)
    {
        if (_sets.Remove(name, out var set))
        {
            _touchedSets.Remove(name);
            if (set.InKernel)
            {
                set.Replace([]);
                _doomedSets.Add(name, new(set, _clock.Next));
            }
        }
    }

    /// <summary>Writes the difference, in an order in which each change can stand: what is named before what names it.</summary>
    public void Write(NftBatch batch)
    {
        if (_recreates)
        {
            batch.DestroyTable(Table);
            ForgetKernel();
        }

        if (!_tableInKernel)
        {
            batch.AddTable(Table);
        }

        WriteNewObjects(batch);
        WriteChains(batch);
        var differences = _touchedSets.Select(s => (Name: s, Difference: _sets[s].Difference())).ToList();
        foreach (var (name, (deleted, _)) in differences.Where(d => d.Difference.Deleted.Count > 0))
        {
            batch.DeleteElements(Table, name, deleted);
        }

        foreach (var name in _touchedChains)
        {
            foreach (var rule in _chains[name].Rules)
            {
                batch.AddRule(Table, name, rule);
            }
        }

        foreach (var (name, (_, added)) in differences.Where(d => d.Difference.Added.Count > 0))
        {
            batch.AddElements(Table, name, added);
        }

        WriteDeletions(batch);
    }

    /// <summary>What was written stands in the kernel; what waits, waits on.</summary>
    public void Settle()
    {
        _tableInKernel = true;
        _recreates = false;
        foreach (var name in _touchedChains)
        {
            _chains[name].InKernel = _chains[name].Identities;
        }

        foreach (var name in _touchedSets.ToList())
        {
            _sets[name].Settle();
            if (_sets[name].IsSettled)
            {
                _touchedSets.Remove(name);
            }
        }

        Counters.SettleNew();
        _touchedChains.Clear();
        ForgetDeleted(_doomedChains);
        ForgetDeleted(_doomedSets);
        Counters.SettleDeleted();
        _clock.Commit();
    }

    private void WriteChains(NftBatch batch)
    {
        foreach (var name in _touchedChains.Where(n => _chains[n].InKernel is null))
        {
            if (_chains[name].Hook is { } hook)
            {
                batch.AddBaseChain(Table, name, hook.Type, hook.Hook, hook.Priority);
            }
            else
            {
                batch.AddChain(Table, name);
            }
        }

        foreach (var name in _touchedChains.Where(n => _chains[n].InKernel is { Length: > 0 }))
        {
            batch.FlushChain(Table, name);
        }

        foreach (var name in Deletable(_doomedChains))
        {
            batch.FlushChain(Table, name);
        }
    }

    private void WriteDeletions(NftBatch batch)
    {
        // Sets first: the elements of a verdict map hold on to chains.
        foreach (var name in Deletable(_doomedSets))
        {
            batch.DeleteSet(Table, name);
        }

        foreach (var name in Deletable(_doomedChains))
        {
            batch.DeleteChain(Table, name);
        }

        foreach (var name in Counters.Deletable)
        {
            batch.DeleteCounter(Table, name);
        }
    }
}
