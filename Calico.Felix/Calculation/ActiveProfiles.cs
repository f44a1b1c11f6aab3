using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>Rule lists of the profiles that local endpoints name.</summary>
/// <remarks>
/// <code>
///   local endpoints --Acquire/Release--+
///                                      +--> RuleList of each profile and direction --> RuleListUpdate, RuleListRemove
///   Profile resources -----------------+--> IP sets that its rules ask
/// </code>
/// A profile that is named but is not there, or cannot be used, denies: its author meant something, and we do not know what.
/// </remarks>
internal sealed class ActiveProfiles(IpSetMembers sets, Delta<string, RuleListUpdate> lists)
{
    /// <summary>Upstream's synthetic profile, in no store: everything is allowed both ways.</summary>
    private const string DefaultAllow = "projectcalico-default-allow";

    private readonly Dictionary<string, SyncUpdate> _stored = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Active> _active = new(StringComparer.Ordinal);

    public static string ListId(string profile, PolicyDirection direction) =>
        $"profile/{profile}/{(direction == PolicyDirection.Ingress ? "ingress" : "egress")}";

    public void Apply(SyncUpdate update)
    {
        if (update.Value is null && update.Error is null)
        {
            _stored.Remove(update.Key.Name);
        }
        else
        {
            _stored[update.Key.Name] = update;
        }
        if (_active.TryGetValue(update.Key.Name, out var active))
        {
            Compile(update.Key.Name, active);
        }
    }

    /// <summary>One more endpoint names it.</summary>
    public void Acquire(string name)
    {
        if (!_active.TryGetValue(name, out var active))
        {
            _active.Add(name, active = new());
            Compile(name, active);
        }
        active.Users++;
    }

    public void Release(string name)
    {
        var active = _active[name];
        if (--active.Users > 0)
        {
            return;
        }
        _active.Remove(name);
        lists.Remove(ListId(name, PolicyDirection.Ingress));
        lists.Remove(ListId(name, PolicyDirection.Egress));
        foreach (var set in active.Sets)
        {
            sets.Release(set);
        }
    }

    private void Compile(string name, Active active)
    {
        var stored = _stored.GetValueOrDefault(name);
        var ingress = Compile(name, PolicyDirection.Ingress, stored, out var ingressSets);
        var egress = Compile(name, PolicyDirection.Egress, stored, out var egressSets);
        var former = active.Sets;
        active.Sets = [.. ingressSets, .. egressSets];
        // Acquired before released: a set that both ask keeps its members.
        foreach (var set in active.Sets)
        {
            sets.Acquire(set);
        }
        foreach (var set in former)
        {
            sets.Release(set);
        }
        lists.Set(ingress.Id, new(ingress));
        lists.Set(egress.Id, new(egress));
    }

    /// <summary>One direction of a profile as its last update says; null: there is none.</summary>
    internal static RuleList Compile(string name, PolicyDirection direction, SyncUpdate? stored, out IReadOnlyCollection<IpSetDefinition> asked)
    {
        asked = [];
        var id = ListId(name, direction);
        var whole = new Provenance(stored?.Key ?? Kinds.Profile.Key(name), "", -1, stored?.Value?.Metadata.ResourceVersion ?? "");
        if (name == DefaultAllow)
        {
            return new(id, [new(RuleMatch.Any, RuleAction.Allow, whole)]);
        }
        if (stored is null)
        {
            return RuleCompiler.Deny(id, whole with { Note = "no such profile" });
        }
        if (!Kinds.Profile.TryRead(stored, out var profile))
        {
            return RuleCompiler.Deny(id, whole with { Note = stored.Error ?? "not a profile" });
        }
        if (profile.Spec.Unknown is { Count: > 0 } unknown)
        {
            return RuleCompiler.Deny(id, whole with { Note = $"unknown field {unknown.Keys.Order(StringComparer.Ordinal).First()}" });
        }
        var compiler = new RuleCompiler(policyNamespace: "");
        var list = compiler.Compile(id, (direction == PolicyDirection.Ingress ? profile.Spec.Ingress : profile.Spec.Egress) ?? [], whole);
        asked = compiler.Sets;
        return list;
    }

    private sealed class Active
    {
        public int Users { get; set; }

        public ImmutableArray<IpSetDefinition> Sets { get; set; } = [];
    }
}
