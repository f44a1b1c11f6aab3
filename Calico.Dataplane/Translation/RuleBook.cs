using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Dataplane.Translation;

/// <summary>The counter of each rule that some list holds: one for a rule, however many lists have it.</summary>
/// <remarks>A counter is known by the rule's resource, direction and place, so a restarted process finds it again, and a list that is
/// written anew goes on counting.</remarks>
internal sealed class RuleBook(Ruleset ruleset)
{
    /// <summary>Of 43 base64 characters: 120 bits.</summary>
    private const int HashCharacters = 20;

    private readonly Dictionary<RuleKey, Entry> _entries = [];

    /// <summary>Rules that are counted, with the counter's name.</summary>
    public IEnumerable<(Provenance Rule, string Counter)> Entries => _entries.Values.Select(e => (e.Rule, e.Counter));

    /// <summary>The counter of a rule; null: nobody acquired it.</summary>
    public string? CounterOf(Provenance rule) => _entries.TryGetValue(RuleKey.Of(rule), out var entry) ? entry.Counter : null;

    /// <summary>One more list holds these rules; each once, however many alternatives it was compiled into.</summary>
    public void Acquire(RuleList list)
    {
        foreach (var rule in RulesOf(list))
        {
            var key = RuleKey.Of(rule);
            if (!_entries.TryGetValue(key, out var entry))
            {
                _entries.Add(key, entry = new(Name(key)));
                ruleset.Counters.Define(entry.Counter);
            }

            // Its revision, and what is wrong with it, are those of whoever came last.
            entry.Rule = rule;
            entry.Users++;
        }
    }

    public void Release(RuleList list)
    {
        foreach (var rule in RulesOf(list))
        {
            var key = RuleKey.Of(rule);
            if (--_entries[key].Users == 0)
            {
                ruleset.Counters.Remove(_entries[key].Counter);
                _entries.Remove(key);
            }
        }
    }

    private static IEnumerable<Provenance> RulesOf(RuleList list) =>
        list.Rules.Items.Select(rule => rule.Provenance).Where(rule => !rule.IsEndOfTier).DistinctBy(RuleKey.Of);

    private static string Name(RuleKey key)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{key.Source}\n{key.Direction}\n{key.Index}");
        return "rule-" + Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..HashCharacters];
    }

    private sealed class Entry(string counter)
    {
        public string Counter => counter;

        public Provenance Rule { get; set; } = null!;

        public int Users { get; set; }
    }

    private readonly record struct RuleKey(ResourceKey Source, PolicyDirection? Direction, int Index)
    {
        public static RuleKey Of(Provenance rule) => new(rule.Source, rule.Direction, rule.RuleIndex);
    }
}
