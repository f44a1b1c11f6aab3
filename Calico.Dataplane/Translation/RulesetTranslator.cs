using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>Turns Felix's updates into changes of the desired table; talks to nobody.</summary>
internal sealed class RulesetTranslator
{
    private readonly Skeleton _skeleton;
    private readonly IpSetTranslator _sets;
    private readonly ListChains _lists;
    private readonly ProgramChains _programs;
    private readonly HostChains _hosts;
    private readonly FailsafeChains _failsafes;
    private readonly Dictionary<WorkloadEndpointId, Endpoint> _endpoints = [];
    private readonly Dictionary<string, WorkloadEndpointId> _owners = new(StringComparer.Ordinal);
    private NodeSettings _settings = new();

    public RulesetTranslator(DataplaneOptions options)
    {
        Ruleset = new(new(NftFamily.Inet, options.TableName));
        _sets = new(Ruleset);
        _lists = new(Ruleset, _sets, options);
        _programs = new(Ruleset);
        _hosts = new(Ruleset, _programs, options);
        _failsafes = new(Ruleset);
        _skeleton = new(Ruleset, _sets.NameOf, options, _hosts);
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

    public RuleList? FindList(string id) => _lists.Find(id);

    /// <summary>Rules that are counted, with the counter's name.</summary>
    public IEnumerable<(Provenance Rule, string Counter)> CountedRules => _lists.Rules.Entries;

    /// <summary>Which rule's number a dropped packet carried; null: none. From any thread.</summary>
    public Provenance? FindRule(uint number) => _lists.Rules.Find(number);

    /// <summary>Interfaces of the host that host endpoints judge.</summary>
    public IEnumerable<HostInterfaceUpdate> HostInterfaces => _hosts.Updates;

    /// <summary>What judges an interface, a workload's or the host's, a line a rule; empty: nothing does.</summary>
    public ImmutableArray<string> Describe(string interfaceName)
    {
        if (Updates.FirstOrDefault(endpoint => endpoint.InterfaceName == interfaceName) is { } workload)
        {
            return [.. EnforcedText.Of(workload, FindList)];
        }

        var hosts = HostInterfaces.ToDictionary(host => host.InterfaceName, StringComparer.Ordinal);
        return HostInterfaceUpdate.Of(interfaceName, name => hosts.GetValueOrDefault(name)) is { } judged
            ? [.. EnforcedText.Of(judged, FindList)] : [];
    }

    public void Apply(DataplaneUpdate update)
    {
        switch (update)
        {
            case SettingsUpdate settings:
                _settings = settings.Settings;
                DefineSkeleton();
                break;
            case IpSetUpdate set:
                _lists.SetIpSet(set);
                if (set.Id is WellKnownSets.MasqueradePools or WellKnownSets.AllPools)
                {
                    DefineMasquerade();
                }

                break;
            case IpSetRemove set:
                _sets.Remove(set.Id);
                break;
            case RuleListUpdate list:
                _lists.Set(list.List);
                break;
            case RuleListRemove list:
                _lists.Remove(list.Id);
                break;
            case EndpointUpdate endpoint:
                SetEndpoint(endpoint);
                break;
            case EndpointRemove endpoint:
                RemoveEndpoint(endpoint.Id);
                break;
            case HostInterfaceUpdate host:
                _hosts.Set(host);
                DefineHostRules();
                break;
            case HostInterfaceRemove host:
                _hosts.Remove(host.InterfaceName);
                DefineHostRules();
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
        _failsafes.Define(_settings, _hosts.HasAny);
        DefineMasquerade();
    }

    private void DefineHostRules()
    {
        _failsafes.Define(_settings, _hosts.HasAny);
        _skeleton.DefineBaseChains();
    }

    private void DefineMasquerade() => _skeleton.DefineMasquerade(_settings, _sets.HasMembers(WellKnownSets.MasqueradePools));

    private void SetEndpoint(EndpointUpdate update)
    {
        var ingress = update.Gate == EndpointGate.Open ? _programs.Acquire(update.Ingress, PolicyDirection.Ingress)
            : _programs.AcquireNotLabelled();
        var egress = update.Gate == EndpointGate.Open ? _programs.Acquire(update.Egress, PolicyDirection.Egress)
            : _programs.AcquireNotLabelled();
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
            Ruleset.DefineSet(NftSet.Of(name, NftDataType.LinkName, isIpv6 ? NftDataType.IPv6Address
                : NftDataType.IPv4Address) with { Interval = true });
            Ruleset.ReplaceElements(name, elements);
        }

        return elements.Count > 0;
    }

    private static NftElement Range(NftValue name, Cidr source) => NftElement.Ranges(
        NftValue.Concat(name, NftValue.Address(source.FirstAddress())), NftValue.Concat(name, NftValue.Address(source.LastAddress())));

    private sealed record Endpoint(EndpointUpdate Update, uint Ingress, uint Egress);
}
