using System.Collections.Immutable;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>Rule lists as chains, with the sets and counters that their rules name.</summary>
internal sealed class ListChains(Ruleset ruleset, IpSetTranslator sets, DataplaneOptions options)
{
    /// <summary>The very rule, not one that says the same: unchanged policies hand over the ones that they had.</summary>
    private static readonly IEqualityComparer<CompiledRule> SameRule = ReferenceEqualityComparer.Instance;

    private readonly SetUses _uses = new();
    private readonly Dictionary<string, Rendered> _lists = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _contentSetUsers = new(StringComparer.Ordinal);

    /// <summary>What counts the rules.</summary>
    public RuleBook Rules { get; } = new(ruleset);

    public RuleList? Find(string id) => _lists.TryGetValue(id, out var list) ? list.List : null;

    /// <summary>A set of other ranges, or whose first range makes it one, is another set of the table: the lists that ask it are rendered
    /// anew before the former one goes.</summary>
    public void SetIpSet(IpSetUpdate update)
    {
        var former = sets.NamesOf(update.Id);
        sets.Apply(update);
        sets.SetAbsence(update.Id, _uses.AsksAbsence(update.Id));
        var gone = former.Except(sets.NamesOf(update.Id)).ToList();
        if (gone.Count == 0)
        {
            return;
        }

        foreach (var list in _lists.Values.Select(l => l.List).Where(l => l.Sets.Contains(update.Id)).ToList())
        {
            Set(list, isNamedAnew: true);
        }

        sets.RemoveSets(gone);
    }

    public void Set(RuleList list) => Set(list, isNamedAnew: false);

    private void Set(RuleList list, bool isNamedAnew)
    {
        var former = _lists.GetValueOrDefault(list.Id);
        foreach (var rule in list.Rules.Items.Where(rule => former?.Rules.ContainsKey(rule) != true).Distinct(SameRule))
        {
            Rules.Acquire(rule.Provenance);
        }

        var renderer = new RuleRenderer(sets.NameOf, Rules, options, isNamedAnew ? null : former?.Rules);
        var chains = renderer.Render(list);
        // What the new rules share with the old ones must not be let go in between.
        foreach (var (name, (definition, elements)) in renderer.Sets)
        {
            if (_contentSetUsers.TryGetValue(name, out var users))
            {
                _contentSetUsers[name] = users + 1;
            }
            else
            {
                _contentSetUsers.Add(name, 1);
                ruleset.DefineSet(definition);
                ruleset.ReplaceElements(name, elements);
            }
        }

        NoteUses(former?.List, list);
        _lists[list.Id] = new(list, [.. renderer.Sets.Keys], [.. chains.Select(c => c.Name)], renderer.Rules);
        foreach (var (name, rules) in chains)
        {
            ruleset.SetChain(name, rules);
        }

        if (former is not null)
        {
            Release(former, _lists[list.Id]);
        }
    }

    public void Remove(string id)
    {
        if (_lists.Remove(id, out var list))
        {
            NoteUses(list.List, null);
            Release(list, kept: null);
        }
    }

    private void Release(Rendered former, Rendered? kept)
    {
        foreach (var chain in former.Chains.Except(kept?.Chains ?? []))
        {
            ruleset.RemoveChain(chain);
        }

        foreach (var name in former.Sets)
        {
            if (--_contentSetUsers[name] == 0)
            {
                _contentSetUsers.Remove(name);
                ruleset.RemoveSet(name);
            }
        }

        foreach (var rule in former.Rules.Keys.Where(rule => kept?.Rules.ContainsKey(rule) != true))
        {
            Rules.Release(rule.Provenance);
        }
    }

    private void NoteUses(RuleList? former, RuleList? list)
    {
        List<string> asked = [.. former is null ? [] : _uses.Remove(former), .. list is null ? [] : _uses.Add(list)];
        foreach (var set in asked)
        {
            sets.SetAbsence(set, _uses.AsksAbsence(set));
        }
    }

    /// <param name="List">What is rendered.</param>
    /// <param name="Sets">Sets that its rules hold themselves.</param>
    /// <param name="Chains">Its own, and those of the staged policies in it.</param>
    /// <param name="Rules">By the very rules.</param>
    private sealed record Rendered(RuleList List, ImmutableArray<string> Sets, ImmutableArray<string> Chains,
        IReadOnlyDictionary<CompiledRule, RenderedRule> Rules);
}
