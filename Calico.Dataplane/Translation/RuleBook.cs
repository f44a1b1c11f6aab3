using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Dataplane.Translation;

/// <summary>The counter and the number of each rule that some list holds: one for a rule, however many lists have it.</summary>
/// <remarks>Both follow from the rule's resource, direction and place, so a restarted process finds its counters again, and a list that is
/// written anew goes on counting. A dropped packet carries the number in its mark.</remarks>
internal sealed class RuleBook(Ruleset ruleset)
{
    /// <summary>Of 43 base64 characters: 120 bits.</summary>
    private const int HashCharacters = 20;

    /// <summary>Lower numbers are no rule's.</summary>
    private const uint FirstNumber = 16;

    private readonly Dictionary<RuleKey, Entry> _entries = [];
    private readonly ConcurrentDictionary<uint, Provenance> _byNumber = [];

    /// <summary>Rules that are counted, with the counter's name.</summary>
    public IEnumerable<(Provenance Rule, string Counter)> Entries =>
        _entries.Values.Where(e => e.Counter is not null).Select(e => (e.Rule, e.Counter!));

    /// <summary>The number of what no profile allows.</summary>
    public static uint NoProfile(PolicyDirection direction) => direction == PolicyDirection.Ingress ? 1u : 2u;

    /// <summary>The direction that such a number says; null: it is no such number.</summary>
    public static PolicyDirection? DirectionOf(uint number) => number switch
    {
        1 => PolicyDirection.Ingress,
        2 => PolicyDirection.Egress,
        _ => null,
    };

    /// <summary>The counter of a rule; null: it has none, or nobody acquired it.</summary>
    public string? CounterOf(Provenance rule) => _entries.TryGetValue(RuleKey.Of(rule), out var entry) ? entry.Counter : null;

    /// <summary>The number of a rule that is acquired.</summary>
    public uint NumberOf(Provenance rule) => _entries[RuleKey.Of(rule)].Number;

    /// <summary>The rule of a number; null: none has it. From any thread.</summary>
    public Provenance? Find(uint number) => _byNumber.GetValueOrDefault(number);

    /// <summary>One more list holds the rule, or one more alternative that it was compiled into.</summary>
    public void Acquire(Provenance rule)
    {
        var key = RuleKey.Of(rule);
        if (!_entries.TryGetValue(key, out var entry))
        {
            _entries.Add(key, entry = Enter(key, rule));
        }

        // Its revision, and what is wrong with it, are those of whoever came last.
        entry.Rule = rule;
        _byNumber[entry.Number] = rule;
        entry.Users++;
    }

    public void Release(Provenance rule)
    {
        var key = RuleKey.Of(rule);
        var entry = _entries[key];
        if (--entry.Users > 0)
        {
            return;
        }

        _entries.Remove(key);
        _byNumber.TryRemove(entry.Number, out _);
        if (entry.Counter is { } counter)
        {
            ruleset.Counters.Remove(counter);
        }
    }

    private Entry Enter(RuleKey key, Provenance rule)
    {
        var what = rule.IsEndOfTier ? $"end of tier {key.Tier}" : $"{key.Source}";
        var text = string.Create(CultureInfo.InvariantCulture, $"{what}\n{key.Direction}\n{key.Index}");
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        var number = BinaryPrimitives.ReadUInt32BigEndian(hash);
        while (number < FirstNumber || _byNumber.ContainsKey(number))
        {
            number++;
        }

        // What the end of a tier drops is counted by its reason.
        var counter = rule.IsEndOfTier ? null : "rule-" + Base64Url.EncodeToString(hash)[..HashCharacters];
        if (counter is not null)
        {
            ruleset.Counters.Define(counter);
        }

        return new(counter, number);
    }

    private sealed class Entry(string? counter, uint number)
    {
        public string? Counter => counter;

        public uint Number => number;

        public Provenance Rule { get; set; } = null!;

        public int Users { get; set; }
    }

    /// <summary>A policy that moves to another tier keeps what it counted.</summary>
    private readonly record struct RuleKey(string Tier, ResourceKey Source, PolicyDirection? Direction, int Index)
    {
        public static RuleKey Of(Provenance rule) => new(rule.IsEndOfTier ? rule.Tier : "", rule.Source, rule.Direction, rule.RuleIndex);
    }
}
