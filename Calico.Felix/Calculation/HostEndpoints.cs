using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Labels;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>Host endpoints: those of this node judge its interfaces, all are members of what rules select.</summary>
/// <remarks>
/// <code>
///   HostEndpoint --Apply--+--> labels and expected addresses, as any endpoint's
///                         +--> programs and their lists --+
///   policies -----Touch---+                               +--> HostInterfaceUpdate, HostInterfaceRemove
///   interfaces of the host, with their addresses ---------+
/// </code>
/// Of the host endpoints that match an interface, by name or by an expected address, the first by name has it, as upstream; one of all
/// interfaces (<c>*</c>) has those that no other has. An interface that a host endpoint names need not be there: whenever it comes, it is
/// judged.
/// </remarks>
internal sealed class HostEndpoints(string nodeName, EndpointPrograms programs, PolicySources sources, RuleLists lists,
    EndpointLabels labels, Delta<string, HostInterfaceUpdate> updates)
{
    /// <summary>Scope of the items; no namespace is called so.</summary>
    private const string Scope = "HostEndpoint:";

    // IFNAMSIZ of linux/if.h less its end.
    private const int LongestName = 15;

    private readonly Dictionary<string, Local> _local = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ImmutableHashSet<Cidr>> _interfaces = new(StringComparer.Ordinal);
    private readonly HashSet<string> _dirty = new(StringComparer.Ordinal);
    private bool _isUnresolved;

    /// <summary>Those of this node.</summary>
    public IEnumerable<string> Names => _local.Keys;

    /// <summary>The host's interfaces with their addresses, as it has told them; by name.</summary>
    public IEnumerable<(string Name, ImmutableArray<Cidr> Addresses)> Interfaces => _interfaces
        .OrderBy(link => link.Key, StringComparer.Ordinal).Select(link => (link.Key, link.Value.Order().ToImmutableArray()));

    public static bool Owns(ItemKey key) => key.Scope == Scope;

    public void Apply(SyncUpdate update)
    {
        var place = HostEndpointPlace.Read(update);
        if (place is not null && place.Node != nodeName)
        {
            Forget(update.Key.Name);
            labels.Remove(Key(place.Name, isLocal: true));
            Label(place, isLocal: false);
            return;
        }

        labels.Remove(Key(update.Key.Name, isLocal: false));
        if (place is null)
        {
            Forget(update.Key.Name);
            labels.Remove(Key(update.Key.Name, isLocal: true));
            return;
        }

        if (!_local.TryGetValue(place.Name, out var local))
        {
            _local.Add(place.Name, local = new(place));
        }

        local.Place = place;
        _dirty.Add(place.Name);
        Label(place, isLocal: true);
    }

    /// <summary>An interface of the host, not of a workload, with its addresses.</summary>
    public void SetInterface(string name, IEnumerable<Cidr> addresses)
    {
        ImmutableHashSet<Cidr> now = [.. addresses];
        if (!_interfaces.TryGetValue(name, out var before) || !before.SetEquals(now))
        {
            _interfaces[name] = now;
            _isUnresolved = true;
        }
    }

    public void RemoveInterface(string name) => _isUnresolved |= _interfaces.Remove(name);

    /// <summary>Other policies apply to a host endpoint, or the same in another order.</summary>
    public void Touch(ItemKey key)
    {
        if (_local.ContainsKey(key.Name))
        {
            _dirty.Add(key.Name);
        }
    }

    /// <summary>Builds the programs that may have changed, and finds out anew which host endpoint has which interface.</summary>
    public void Build()
    {
        foreach (var name in _dirty)
        {
            var local = _local[name];
            var former = local.Held;
            (local.Programs, local.Held) = local.Place.Fault is { } fault ? Unusable(local.Place, fault) : Usable(local.Place);
            // Released after the new ones are acquired: a list that both ask stays.
            foreach (var list in former)
            {
                lists.Release(list);
            }
        }

        if (_dirty.Count > 0 || _isUnresolved)
        {
            updates.Replace(Resolve());
        }

        _dirty.Clear();
        _isUnresolved = false;
    }

    private Dictionary<string, HostInterfaceUpdate> Resolve()
    {
        var resolved = new Dictionary<string, HostInterfaceUpdate>(StringComparer.Ordinal);
        if (_local.Count == 0)
        {
            return resolved;
        }

        var byName = _local.Values.OrderBy(l => l.Place.Name, StringComparer.Ordinal).ToList();
        var named = byName.Where(l => !l.Place.IsOfAllInterfaces).ToList();
        var interfaces = named.Select(l => l.Place.InterfaceName).Where(name => name.Length > 0).Concat(_interfaces.Keys)
            .Distinct(StringComparer.Ordinal);
        foreach (var name in interfaces)
        {
            var addresses = _interfaces.GetValueOrDefault(name, []);
            if (IsName(name) && named.FirstOrDefault(l => l.Place.Matches(name, addresses)) is { } owner)
            {
                resolved.Add(name, new(name, owner.Place.Name, owner.Programs!));
            }
        }

        if (byName.FirstOrDefault(l => l.Place.IsOfAllInterfaces) is { } ofAll)
        {
            resolved.Add(HostInterfaceUpdate.AllInterfaces, new(HostInterfaceUpdate.AllInterfaces, ofAll.Place.Name, ofAll.Programs!));
        }

        return resolved;
    }

    /// <summary>A link may be called anything; what no message can carry, or means all of them, stays with those that no endpoint names.
    /// </summary>
    private static bool IsName(string link) =>
        link != HostInterfaceUpdate.AllInterfaces && !link.Contains('\0', StringComparison.Ordinal)
            && Encoding.UTF8.GetByteCount(link) <= LongestName;

    private (HostPrograms Programs, ImmutableArray<string> Held) Usable(HostEndpointPlace place)
    {
        var held = ImmutableArray.CreateBuilder<string>();
        PolicyProgram Of(PolicyDirection direction, PolicyStage stage)
        {
            var profiles = stage == PolicyStage.Normal ? place.Profiles : [];
            var program = programs.Build(Key(place.Name, isLocal: true), profiles, direction, stage);
            programs.Acquire(program, profiles, direction, stage);
            held.AddRange(program.Lists);
            return program;
        }

        return (new(
            Of(PolicyDirection.Ingress, PolicyStage.Normal), Of(PolicyDirection.Egress, PolicyStage.Normal),
            Of(PolicyDirection.Ingress, PolicyStage.Forward), Of(PolicyDirection.Egress, PolicyStage.Forward),
            Of(PolicyDirection.Ingress, PolicyStage.Untracked), Of(PolicyDirection.Egress, PolicyStage.Untracked),
            Of(PolicyDirection.Ingress, PolicyStage.PreDnat)), held.ToImmutable());
    }

    /// <summary>Its author meant something and we do not know what: nothing passes, apart from the failsafe ports.</summary>
    private (HostPrograms Programs, ImmutableArray<string> Held) Unusable(HostEndpointPlace place, string fault)
    {
        var key = Kinds.HostEndpoint.Key(place.Name);
        sources.Set(PolicyText.Unusable(key, "", place.Revision, fault));
        var held = ImmutableArray.CreateBuilder<string>();
        PolicyProgram Deny(PolicyDirection direction)
        {
            var list = $"host-endpoint/{place.Name}/{RuleLists.Word(direction)}";
            lists.Acquire(list, direction, [key], end: null);
            held.Add(list);
            return new([], [list]);
        }

        var nothing = PolicyProgram.Empty with { PassesOn = true };
        var (ingress, egress) = (Deny(PolicyDirection.Ingress), Deny(PolicyDirection.Egress));
        return (new(ingress, egress, ingress, egress, nothing, nothing, nothing), held.ToImmutable());
    }

    private void Forget(string name)
    {
        if (!_local.Remove(name, out var local))
        {
            return;
        }

        foreach (var list in local.Held)
        {
            lists.Release(list);
        }

        sources.Remove(Kinds.HostEndpoint.Key(name));
        _dirty.Remove(name);
        _isUnresolved = true;
    }

    private void Label(HostEndpointPlace place, bool isLocal) =>
        labels.Set(Key(place.Name, isLocal), place.Labels, place.Profiles, place.Addresses, place.Ports);

    private static ItemKey Key(string name, bool isLocal) => new(isLocal, Scope, name);

    private sealed class Local(HostEndpointPlace place)
    {
        public HostEndpointPlace Place { get; set; } = place;

        /// <summary>Null: not built yet.</summary>
        public HostPrograms? Programs { get; set; }

        /// <summary>Lists that it acquired.</summary>
        public ImmutableArray<string> Held { get; set; } = [];
    }
}
