using System.Collections.Immutable;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>The compiled rules of each policy source that some list needs.</summary>
/// <remarks>
/// <code>
///   policies, profiles --Set/Remove----+
///                                      +--> rules of a source and direction --changed(source)--> RuleLists
///   RuleLists ---------Acquire/Release-+--> IP sets that the rules ask
/// </code>
/// A source that is needed but is not there denies, as one that cannot be used.
/// </remarks>
internal sealed class PolicySources(IpSetMembers sets, Action<ResourceKey> changed, bool followsServices)
{
    private readonly Dictionary<ResourceKey, PolicyText> _texts = [];
    private readonly Dictionary<(ResourceKey Source, PolicyDirection Direction), Active> _active = [];

    public void Set(PolicyText text)
    {
        _texts[text.Key] = text;
        Recompile(text.Key);
    }

    public void Remove(ResourceKey source)
    {
        if (_texts.Remove(source))
        {
            Recompile(source);
        }
    }

    /// <summary>One more list holds the source's rules of that direction.</summary>
    public void Acquire(ResourceKey source, PolicyDirection direction)
    {
        if (!_active.TryGetValue((source, direction), out var active))
        {
            _active.Add((source, direction), active = new());
            Compile(source, direction, active);
        }

        active.Users++;
    }

    public void Release(ResourceKey source, PolicyDirection direction)
    {
        var active = _active[(source, direction)];
        if (--active.Users > 0)
        {
            return;
        }

        _active.Remove((source, direction));
        foreach (var (set, isStaged) in active.Sets)
        {
            sets.Release(set, isStaged);
        }
    }

    /// <summary>Of a source that is acquired.</summary>
    public EquatableArray<CompiledRule> RulesOf(ResourceKey source, PolicyDirection direction) => _active[(source, direction)].Rules;

    private void Recompile(ResourceKey source)
    {
        var isNeeded = false;
        foreach (var direction in new[] { PolicyDirection.Ingress, PolicyDirection.Egress })
        {
            if (_active.TryGetValue((source, direction), out var active))
            {
                isNeeded = true;
                Compile(source, direction, active);
            }
        }

        if (isNeeded)
        {
            changed(source);
        }
    }

    private void Compile(ResourceKey source, PolicyDirection direction, Active active)
    {
        var former = active.Sets;
        var text = _texts.GetValueOrDefault(source) ?? ReadProfile.Missing(source);
        active.Rules = Compile(text, direction, followsServices, out var asked);
        active.Sets = [.. asked.Select(set => (set, text.IsStaged))];
        // Acquired before released: a set that both ask keeps its members.
        foreach (var (set, isStaged) in active.Sets)
        {
            sets.Acquire(set, isStaged);
        }

        foreach (var (set, isStaged) in former)
        {
            sets.Release(set, isStaged);
        }
    }

    /// <summary>One direction of a source.</summary>
    /// <param name="text">As its author wrote it.</param>
    /// <param name="direction">Which rules.</param>
    /// <param name="followsServices">See <see cref="RuleCompiler"/>.</param>
    /// <param name="asked">IP sets that the rules ask.</param>
    internal static EquatableArray<CompiledRule> Compile(PolicyText text, PolicyDirection direction, bool followsServices,
        out IReadOnlyCollection<IpSetDefinition> asked)
    {
        asked = [];
        if (text.Fault is { } fault)
        {
            // All that it matches it would deny, so nothing is left for its end.
            return [.. RuleCompiler.Deny(text.Whole with { Note = fault, Direction = direction }).Items
                .Select(rule => rule with { IsStaged = text.IsStaged })];
        }

        var compiler = new RuleCompiler(text.Key.Namespace, followsServices);
        var rules = compiler.Compile(text.RulesOf(direction), text.Whole with { Direction = direction });
        asked = compiler.Sets;
        return Staged(rules);

        EquatableArray<CompiledRule> Staged(EquatableArray<CompiledRule> compiled) => !text.IsStaged ? compiled
            : [.. compiled.Items.Append(new(RuleMatch.Any, RuleAction.Pass, text.Whole with { Direction = direction }))
                .Select(rule => rule with { IsStaged = true })];
    }

    private sealed class Active
    {
        public int Users { get; set; }

        public EquatableArray<CompiledRule> Rules { get; set; }

        public ImmutableArray<(IpSetDefinition Set, bool IsStaged)> Sets { get; set; } = [];
    }
}
