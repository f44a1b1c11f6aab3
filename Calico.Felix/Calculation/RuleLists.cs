using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>The lists that the programs of this node's endpoints ask: one a profile and direction, one a tier, direction and sequence of
/// policies.</summary>
/// <remarks>
/// <code>
///   programs --Acquire/Release--+
///                               +--> rules of the sources one after the other, and the end of the tier --> RuleListUpdate, RuleListRemove
///   PolicySources --Touch-------+
/// </code>
/// A list is put together when it is told, once for all that changed in it since.
/// </remarks>
internal sealed class RuleLists(PolicySources sources, Delta<string, RuleListUpdate> updates)
{
    /// <summary>Of 43 base64 characters: 126 bits, so that two sequences of policies never share a list.</summary>
    private const int HashCharacters = 21;

    private readonly Dictionary<string, Active> _active = new(StringComparer.Ordinal);
    private readonly Dictionary<ResourceKey, HashSet<string>> _bySource = [];
    private readonly HashSet<string> _dirty = new(StringComparer.Ordinal);

    /// <summary>Id of a profile's list; a name from the store, so that people recognise it in the kernel.</summary>
    public static string OfProfile(string profile, PolicyDirection direction) => $"profile/{profile}/{Word(direction)}";

    /// <summary>Id of a tier's list: the same wherever the same policies stand in the same order and allowing means the same.</summary>
    public static string OfTier(string tier, TierDefault end, IEnumerable<ResourceKey> policies, PolicyDirection direction,
        PolicyStage stage = PolicyStage.Normal)
    {
        var content = $"{end}\n{string.Join('\n', policies)}";
        var hash = Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(content)))[..HashCharacters];
        var kind = stage switch
        {
            PolicyStage.Untracked => "untracked",
            PolicyStage.PreDnat => "prednat",
            _ => "tier",
        };
        return $"{kind}/{tier}/{Word(direction)}/{hash}";
    }

    /// <summary>One more program asks the list.</summary>
    /// <param name="id">Of the list; says what is in it.</param>
    /// <param name="direction">Of all its rules.</param>
    /// <param name="content">Where its rules come from, in order.</param>
    /// <param name="end">After the last of them; null or staged: whoever asked the list goes on.</param>
    /// <param name="stage">Which traffic they judge.</param>
    public void Acquire(string id, PolicyDirection direction, ImmutableArray<ResourceKey> content, CompiledRule? end,
        PolicyStage stage = PolicyStage.Normal)
    {
        if (!_active.TryGetValue(id, out var active))
        {
            // A list of forwarded traffic is the normal one: allowing and denying are the same.
            _active.Add(id, active = new(direction, content, end, stage == PolicyStage.Forward ? PolicyStage.Normal : stage));
            foreach (var source in content)
            {
                sources.Acquire(source, direction);
                if (!_bySource.TryGetValue(source, out var lists))
                {
                    _bySource.Add(source, lists = new(StringComparer.Ordinal));
                }

                lists.Add(id);
            }

            _dirty.Add(id);
        }

        active.Users++;
    }

    public void Release(string id)
    {
        var active = _active[id];
        if (--active.Users > 0)
        {
            return;
        }

        _active.Remove(id);
        _dirty.Remove(id);
        updates.Remove(id);
        foreach (var source in active.Sources)
        {
            sources.Release(source, active.Direction);
            if (_bySource[source].Remove(id) && _bySource[source].Count == 0)
            {
                _bySource.Remove(source);
            }
        }
    }

    /// <summary>The rules of a source have changed.</summary>
    public void Touch(ResourceKey source)
    {
        if (_bySource.TryGetValue(source, out var lists))
        {
            _dirty.UnionWith(lists);
        }
    }

    /// <summary>Puts the lists together that changed since the last call.</summary>
    public void Compose()
    {
        foreach (var id in _dirty)
        {
            var active = _active[id];
            var rules = active.Sources.SelectMany(source => sources.RulesOf(source, active.Direction).Items);
            updates.Set(id, new(new RuleList(id, [.. active.End is { IsStaged: false } end ? rules.Append(end) : rules])
            {
                Stage = active.Stage,
                WouldDeny = active.End is { IsStaged: true },
            }));
        }

        _dirty.Clear();
    }

    internal static string Word(PolicyDirection direction) => direction == PolicyDirection.Ingress ? "ingress" : "egress";

    private sealed class Active(PolicyDirection direction, ImmutableArray<ResourceKey> content, CompiledRule? end, PolicyStage stage)
    {
        public PolicyStage Stage => stage;

        public PolicyDirection Direction => direction;

        public ImmutableArray<ResourceKey> Sources => content;

        public CompiledRule? End => end;

        public int Users { get; set; }
    }
}
