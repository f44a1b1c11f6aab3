using Calico.Datastore.Selectors;
using Calico.Felix.Labels;
using Calico.Felix.Output;

namespace Calico.Felix.Calculation;

/// <summary>Members of the IP sets in force.</summary>
/// <remarks>
/// <code>
///   rules in force --Acquire/Release--+
///                                     +--> LabelIndex, ServiceEndpoints --> members, counted --> IpSetUpdate, IpSetRemove
///   LabeledItem, slices of Services --+
/// </code>
/// Two endpoints may have one address (a moved pod, seen twice for a moment): a member leaves with its last holder.
/// </remarks>
internal sealed class IpSetMembers
{
    private readonly Dictionary<string, IpSet> _sets = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _touched = new(StringComparer.Ordinal);

    public IpSetMembers() => (Index, Services) = (new(Change), new(Change));

    /// <summary>The endpoints, and the selectors in force.</summary>
    public LabelIndex<IpSet> Index { get; }

    /// <summary>Slices of Services' endpoints.</summary>
    public ServiceEndpoints Services { get; }

    /// <summary>Selectors of the sets that rules in force ask: what staged ones alone ask keeps nobody waiting.</summary>
    public IEnumerable<Selector> EnforcedSelectors => _sets.Values.Where(set => set.Users > set.StagedUsers)
        .Select(set => set.Definition.Selector).OfType<Selector>();

    /// <param name="definition">What it holds.</param>
    /// <param name="isStaged">Only a staged rule asks.</param>
    public void Acquire(IpSetDefinition definition, bool isStaged = false)
    {
        if (!_sets.TryGetValue(definition.Id, out var set))
        {
            _sets.Add(definition.Id, set = new(definition));
        }

        set.StagedUsers += isStaged ? 1 : 0;
        if (set.Users++ == 0)
        {
            _touched.Add(definition.Id);
            if (definition.Selector is { } selector)
            {
                Index.Add(set, selector);
            }
            else
            {
                Services.Add(set, definition.Service!.Value);
            }
        }
    }

    /// <inheritdoc cref="Acquire"/>
    public void Release(IpSetDefinition definition, bool isStaged = false)
    {
        var set = _sets[definition.Id];
        set.StagedUsers -= isStaged ? 1 : 0;
        if (--set.Users == 0)
        {
            _touched.Add(definition.Id);
            if (set.Definition.Service is { } service)
            {
                Services.Remove(set, service);
            }
            else
            {
                Index.Remove(set);
            }
        }
    }

    /// <summary>The selector of a set and its named port, or its Service; null: there is no such set.</summary>
    public string? Describe(string id) => !_sets.TryGetValue(id, out var set) ? null
        : set.Definition.Service is { } service ? $"service {service}"
        : set.Definition.Port is { } port ? $"port {port} of {set.Definition.Selector}" : set.Definition.Selector!.Canonical;

    public (List<DataplaneUpdate> Updates, List<DataplaneUpdate> Removals) Take()
    {
        var (updates, removals) = (new List<DataplaneUpdate>(), new List<DataplaneUpdate>());
        foreach (var id in _touched)
        {
            var set = _sets[id];
            if (set.Users > 0)
            {
                if (set.TakeUpdate() is { } update)
                {
                    updates.Add(update);
                }
            }
            else
            {
                _sets.Remove(id);
                if (set.IsTold)
                {
                    removals.Add(new IpSetRemove(id));
                }
            }
        }

        _touched.Clear();
        return (updates, removals);
    }

    private void Change(IpSet set, LabeledItem? before, LabeledItem? after) => Change(set,
        after is null ? [] : Contribution(set.Definition, after), before is null ? [] : Contribution(set.Definition, before));

    private void Change(IpSet set, IEnumerable<IpSetMember> after, IEnumerable<IpSetMember> before)
    {
        _touched.Add(set.Definition.Id);
        // First what comes, then what goes: a member that stays never leaves in between.
        foreach (var member in after)
        {
            set.Add(member);
        }

        foreach (var member in before)
        {
            set.Remove(member);
        }
    }

    private static IEnumerable<IpSetMember> Contribution(IpSetDefinition definition, LabeledItem item) => definition.Port is not { } name
        ? item.Addresses.Select(a => new IpSetMember(a))
        : from port in item.Ports
          where port.Name == name && (definition.Protocol is null || definition.Protocol == port.Protocol)
          from address in item.Addresses
          select new IpSetMember(address, port.Protocol, port.Port);

    /// <summary>A set, how many rules ask it, and how often each member is held.</summary>
    internal sealed class IpSet(IpSetDefinition definition)
    {
        /// <summary>How many hold a member; that another one does is no news.</summary>
        private readonly Delta<IpSetMember, int> _holders = new();
        private IpSetType? _told;
        private int _ranges;

        public IpSetDefinition Definition => definition;

        public int Users { get; set; }

        /// <summary>How many of them are staged rules.</summary>
        public int StagedUsers { get; set; }

        public bool IsTold => _told is not null;

        public void Add(IpSetMember member)
        {
            var holders = _holders.Desired.GetValueOrDefault(member);
            _holders.Set(member, holders + 1);
            _ranges += holders == 0 && !member.Address.IsHost ? 1 : 0;
        }

        public void Remove(IpSetMember member)
        {
            if (_holders.Desired[member] is > 1 and var holders)
            {
                _holders.Set(member, holders - 1);
            }
            else
            {
                _holders.Remove(member);
                _ranges -= member.Address.IsHost ? 0 : 1;
            }
        }

        public IpSetUpdate? TakeUpdate()
        {
            var changed = _holders.Changes.Where(c => c.Was != c.Is).ToLookup(c => c.Was, c => c.Key);
            _holders.Settle();
            var type = definition.HasPorts ? IpSetType.HostPorts : _ranges > 0 ? IpSetType.Nets : IpSetType.Hosts;
            if (type != _told)
            {
                _told = type;
                return new(definition.Id, type, new([.. _holders.Desired.Keys.Order()]), []);
            }

            return changed[true].Any() || changed[false].Any()
                ? new(definition.Id, type, new([.. changed[false].Order()]), new([.. changed[true].Order()]))
                : null;
        }
    }
}
