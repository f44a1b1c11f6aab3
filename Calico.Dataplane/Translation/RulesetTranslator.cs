using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>Turns Felix's updates into changes of the desired table; talks to nobody.</summary>
internal sealed class RulesetTranslator
{
    private readonly DataplaneOptions _options;
    private readonly Skeleton _skeleton;
    private readonly IpSetTranslator _sets;
    private readonly SetUses _uses = new();
    private readonly ProgramChains _programs;
    private readonly Dictionary<string, (RuleList List, List<string> Sets)> _lists = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _contentSetUsers = new(StringComparer.Ordinal);
    private readonly Dictionary<WorkloadEndpointId, Endpoint> _endpoints = [];
    private readonly Dictionary<string, WorkloadEndpointId> _owners = new(StringComparer.Ordinal);
    private NodeSettings _settings = new();

    public RulesetTranslator(DataplaneOptions options)
    {
        _options = options;
        Ruleset = new(new(NftFamily.Inet, options.TableName));
        _sets = new(Ruleset);
        _skeleton = new(Ruleset, _sets.NameOf, options);
        _programs = new(Ruleset);
        DefineSkeleton();
    }

    /// <summary>What our table should hold.</summary>
    public Ruleset Ruleset { get; }

    /// <summary>Endpoints whose policy the table holds.</summary>
    public IReadOnlyCollection<WorkloadEndpointId> Endpoints => _endpoints.Keys;

    /// <summary>What they are.</summary>
    public IEnumerable<EndpointUpdate> Updates => _endpoints.Values.Select(e => e.Update);

    /// <summary>What of the node's configuration is in force.</summary>
    public NodeSettings Settings => _settings;

    /// <summary>Whether an IP set holds a member.</summary>
    public bool IsMember(string setId, IpSetMember member) => _sets.Contains(setId, member);

    /// <summary>What is desired for an endpoint; null: nothing.</summary>
    public EndpointUpdate? Find(WorkloadEndpointId id) => _endpoints.GetValueOrDefault(id)?.Update;

    public RuleList? FindList(string id) => _lists.TryGetValue(id, out var list) ? list.List : null;

    public void Apply(DataplaneUpdate update)
    {
        switch (update)
        {
            case SettingsUpdate settings:
                _settings = settings.Settings;
                DefineSkeleton();
                break;
            case IpSetUpdate set:
                SetIpSet(set);
                if (set.Id is WellKnownSets.MasqueradePools or WellKnownSets.AllPools)
                {
                    DefineMasquerade();
                }

                break;
            case IpSetRemove set:
                _sets.Remove(set.Id);
                break;
            case RuleListUpdate list:
                SetList(list.List);
                break;
            case RuleListRemove list:
                RemoveList(list.Id);
                break;
            case EndpointUpdate endpoint:
                SetEndpoint(endpoint);
                break;
            case EndpointRemove endpoint:
                RemoveEndpoint(endpoint.Id);
                break;
            default:
                // Routes are not this table's.
                break;
        }
    }

    private void DefineSkeleton()
    {
        DefineAllowedSources();
        _skeleton.Define(_settings);
        DefineMasquerade();
    }

    private void DefineMasquerade() => _skeleton.DefineMasquerade(_settings, _sets.HasMembers(WellKnownSets.MasqueradePools));

    /// <summary>A set of other ranges, or whose first range makes it one, is another set of the table: the lists that ask it are rendered anew
    /// before the former one goes.</summary>
    private void SetIpSet(IpSetUpdate update)
    {
        var former = _sets.NamesOf(update.Id);
        _sets.Apply(update);
        _sets.SetAbsence(update.Id, _uses.AsksAbsence(update.Id));
        var gone = former.Except(_sets.NamesOf(update.Id)).ToList();
        if (gone.Count == 0)
        {
            return;
        }

        foreach (var (list, _) in _lists.Values.Where(l => l.List.Sets.Contains(update.Id)).ToList())
        {
            SetList(list);
        }

        _sets.RemoveSets(gone);
    }

    private void SetList(RuleList list)
    {
        var renderer = new RuleRenderer(_sets.NameOf, _options.LogGroup);
        var rules = renderer.Render(list);
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
                Ruleset.DefineSet(definition);
                Ruleset.ReplaceElements(name, elements);
            }
        }

        var former = _lists.TryGetValue(list.Id, out var known) ? known.Sets : [];
        NoteUses(known.List, list);
        _lists[list.Id] = (list, [.. renderer.Sets.Keys]);
        Ruleset.SetChain(Names.ListChain(list.Id), rules);
        ReleaseContentSets(former);
    }

    private void RemoveList(string id)
    {
        if (_lists.Remove(id, out var list))
        {
            NoteUses(list.List, null);
            Ruleset.RemoveChain(Names.ListChain(id));
            ReleaseContentSets(list.Sets);
        }
    }

    private void NoteUses(RuleList? former, RuleList? list)
    {
        List<string> asked = [.. former is null ? [] : _uses.Remove(former), .. list is null ? [] : _uses.Add(list)];
        foreach (var set in asked)
        {
            _sets.SetAbsence(set, _uses.AsksAbsence(set));
        }
    }

    private void ReleaseContentSets(List<string> names)
    {
        foreach (var name in names)
        {
            if (--_contentSetUsers[name] == 0)
            {
                _contentSetUsers.Remove(name);
                Ruleset.RemoveSet(name);
            }
        }
    }

    private void SetEndpoint(EndpointUpdate update)
    {
        var ingress = update.Gate == EndpointGate.Open ? _programs.Acquire(update.Ingress) : _programs.AcquireNotLabelled();
        var egress = update.Gate == EndpointGate.Open ? _programs.Acquire(update.Egress) : _programs.AcquireNotLabelled();
        RemoveEndpoint(update.Id);
        if (_owners.TryGetValue(update.InterfaceName, out var former))
        {
            // A new life under the old one's interface; whoever came last has it.
            RemoveEndpoint(former);
        }

        _endpoints[update.Id] = new(update, ingress, egress);
        _owners[update.InterfaceName] = update.Id;
        var name = NftValue.LinkName(update.InterfaceName);
        Ruleset.AddElement(Names.Workloads, NftElement.Of(name));
        Ruleset.AddElement(Names.IngressPrograms, NftElement.Of(name, NftValue.Native(ingress)));
        Ruleset.AddElement(Names.EgressPrograms, NftElement.Of(name, NftValue.Native(egress)));
        if (!update.AllowedSources.IsEmpty)
        {
            DefineAllowedSources();
        }
    }

    private void RemoveEndpoint(WorkloadEndpointId id)
    {
        if (!_endpoints.Remove(id, out var endpoint))
        {
            return;
        }

        _owners.Remove(endpoint.Update.InterfaceName);
        var name = NftElement.Of(NftValue.LinkName(endpoint.Update.InterfaceName));
        Ruleset.RemoveElement(Names.Workloads, name);
        Ruleset.RemoveElement(Names.IngressPrograms, name);
        Ruleset.RemoveElement(Names.EgressPrograms, name);
        _programs.Release(endpoint.Ingress);
        _programs.Release(endpoint.Egress);
        if (!endpoint.Update.AllowedSources.IsEmpty)
        {
            DefineAllowedSources();
        }
    }

    /// <summary>Few endpoints have allowed sources, and without any neither set nor rule is there.</summary>
    private void DefineAllowedSources()
    {
        var (some4, some6) = (DefineAllowedSources(false), DefineAllowedSources(true));
        _skeleton.DefineWorkloadRaw(_settings, (some4, some6));
        if (!some4)
        {
            Ruleset.RemoveSet(Names.AllowedSources4);
        }

        if (!some6)
        {
            Ruleset.RemoveSet(Names.AllowedSources6);
        }
    }

    private bool DefineAllowedSources(bool isIpv6)
    {
        var elements = _endpoints.Values
            .SelectMany(e => DisjointRanges.Cover(e.Update.AllowedSources.Items.Where(s => s.IsIpv6 == isIpv6))
                .Select(s => Range(NftValue.LinkName(e.Update.InterfaceName), s)))
            .ToList();
        if (elements.Count > 0)
        {
            var name = isIpv6 ? Names.AllowedSources6 : Names.AllowedSources4;
            Ruleset.DefineSet(NftSet.Of(name, NftDataType.LinkName, isIpv6 ? NftDataType.IPv6Address : NftDataType.IPv4Address) with { Interval = true });
            Ruleset.ReplaceElements(name, elements);
        }

        return elements.Count > 0;
    }

    private static NftElement Range(NftValue name, Cidr source) => NftElement.Ranges(
        NftValue.Concat(name, NftValue.Address(source.FirstAddress())), NftValue.Concat(name, NftValue.Address(source.LastAddress())));

    private sealed record Endpoint(EndpointUpdate Update, uint Ingress, uint Egress);
}
