using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Calculation;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>The compiled programs of every workload endpoint of the store, whatever node it is on, and what they say of a connection.</summary>
/// <remarks>Compiled by the very graph whose output the nodes enforce, so it says what they do with the same resources. What only a node
/// knows is not in it: labels that are still to come, and kernel counters. Immutable after <see cref="Compile"/>; safe to read from any thread.</remarks>
public sealed class ClusterPolicy
{
    private readonly Dictionary<string, IpSetContent> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RuleList> _lists = new(StringComparer.Ordinal);
    private readonly Dictionary<ResourceKey, EndpointUpdate> _endpoints = [];
    private readonly Dictionary<string, string> _setTexts = new(StringComparer.Ordinal);
    private readonly PolicyOracle _oracle;

    private ClusterPolicy() => _oracle = new(_lists.GetValueOrDefault, IsMember);

    /// <summary>The endpoints, with their addresses.</summary>
    public IEnumerable<(ResourceKey Key, EquatableArray<Cidr> Addresses)> Endpoints => _endpoints.Select(e => (e.Key, e.Value.Addresses));

    internal IReadOnlyDictionary<string, IpSetContent> Sets => _sets;

    internal IReadOnlyDictionary<string, RuleList> Lists => _lists;

    /// <summary>Compiles what the store holds.</summary>
    /// <param name="stored">Every resource of the kinds that the graph takes and every WorkloadEndpoint, also those that cannot be read.</param>
    public static ClusterPolicy Compile(IEnumerable<SyncUpdate> stored)
    {
        var (policy, graph) = (new ClusterPolicy(), new CalculationGraph("every node"));
        var ids = new Dictionary<WorkloadEndpointId, ResourceKey>();
        var others = ImmutableArray.CreateBuilder<SyncUpdate>();
        foreach (var update in stored)
        {
            if (!Kinds.WorkloadEndpoint.Owns(update.Key))
            {
                others.Add(update);
            }
            else if (Kinds.WorkloadEndpoint.TryRead(update, out var endpoint))
            {
                // The resource's name says node, orchestrator, workload and interface, so it is nobody else's.
                var id = new WorkloadEndpointId(endpoint.Spec.Orchestrator ?? "", $"{update.Key.Namespace}/{update.Key.Name}", endpoint.Spec.Endpoint ?? "");
                ids[id] = update.Key;
                graph.Set(LocalOf(id, endpoint));
            }
        }

        graph.Apply(new(SyncStatus.InSync, 1, others.ToImmutable()));
        foreach (var update in graph.Flush())
        {
            policy.Take(update, ids);
        }

        foreach (var id in policy._sets.Keys)
        {
            policy._setTexts[id] = graph.DescribeSet(id) ?? id;
        }

        return policy;
    }

    /// <summary>What becomes of the first packet of a connection.</summary>
    /// <param name="from">Who sends it.</param>
    /// <param name="to">Whom it is sent to, after destination NAT.</param>
    /// <param name="protocol">IP protocol number.</param>
    /// <param name="port">Destination port; 0 for protocols without.</param>
    /// <param name="icmp">Type and code of ICMP.</param>
    public Explanation Explain(PolicyPeer from, PolicyPeer to, byte protocol, ushort port, IcmpTypeCode? icmp)
    {
        // Any port that no rule names: clients take theirs from this range.
        var packet = new FirstPacket(from.Address, to.Address, protocol, (ushort)(port == 0 ? 0 : 40000), port, icmp);
        var directions = ImmutableArray.CreateBuilder<DirectionExplanation>();
        if (from.Endpoint is { } sender)
        {
            directions.Add(Explain(_endpoints[sender].Egress, PolicyDirection.Egress, packet));
        }

        if (to.Endpoint is { } receiver)
        {
            directions.Add(Explain(_endpoints[receiver].Ingress, PolicyDirection.Ingress, packet));
        }

        return new(directions.All(direction => direction.Allowed), directions.ToImmutable());
    }

    internal EquatableArray<Cidr> AddressesOf(ResourceKey endpoint) => _endpoints[endpoint].Addresses;

    /// <summary>The program of an endpoint; null: there is no such endpoint.</summary>
    internal PolicyProgram? ProgramOf(ResourceKey endpoint, PolicyDirection direction) =>
        !_endpoints.TryGetValue(endpoint, out var update) ? null : direction == PolicyDirection.Egress ? update.Egress : update.Ingress;

    /// <inheritdoc cref="PolicyOracle.Decide(PolicyProgram, in FirstPacket)"/>
    internal CompiledRule? Decide(PolicyProgram program, in FirstPacket packet) => _oracle.Decide(program, packet);

    /// <summary>What a rule says, with selectors instead of the ids of IP sets.</summary>
    internal string TextOf(CompiledRule rule) => Text(rule);

    private DirectionExplanation Explain(PolicyProgram program, PolicyDirection direction, FirstPacket packet)
    {
        var steps = ImmutableArray.CreateBuilder<ExplainedStep>();
        foreach (var tier in program.Tiers)
        {
            var step = Explain($"tier {tier.Name}", [.. tier.Policies.Items.Select(policy => policy.ToString())], tier.List, packet);
            steps.Add(step);
            if (!step.PassesOn)
            {
                return new(direction, IsAllow(step), steps.ToImmutable());
            }
        }

        foreach (var list in program.Profiles)
        {
            var step = Explain($"profile {list.Split('/')[1]}", [], list, packet);
            steps.Add(step);
            if (!step.PassesOn)
            {
                return new(direction, IsAllow(step), steps.ToImmutable());
            }
        }

        return new(direction, false, steps.ToImmutable());
    }

    private static bool IsAllow(ExplainedStep step) => step.Rules[^1].Rule.Action == RuleAction.Allow;

    private ExplainedStep Explain(string title, ImmutableArray<string> policies, string list, FirstPacket packet)
    {
        var rules = ImmutableArray.CreateBuilder<ExplainedRule>();
        ResourceKey? decided = null;
        foreach (var rule in _lists.TryGetValue(list, out var known) ? known.Rules.Items : [])
        {
            if (rule.IsStaged && decided == rule.Provenance.Source)
            {
                // It would have decided already.
                continue;
            }

            var (field, isSource) = _oracle.FindMismatch(rule.Match, packet);
            var matches = field == MatchField.None;
            var whyNot = matches ? "" : Text(Mismatch.Describe(field, isSource, rule.Match, packet), rule.Match);
            rules.Add(new(rule, Text(rule), matches, whyNot));
            decided = rule.IsStaged && matches && rule.Action != RuleAction.Log ? rule.Provenance.Source : decided;
            if (matches && rule.Action != RuleAction.Log && !rule.IsStaged)
            {
                return new(title, policies, rules.ToImmutable(), rule.Action == RuleAction.Pass);
            }
        }

        return new(title, policies, rules.ToImmutable(), PassesOn: true);
    }

    private string Text(CompiledRule rule) => rule.Provenance.IsEndOfTier ? "Deny at the end of the tier"
        : rule.IsEndOfStaged ? $"staged {rule.Provenance.Source}: no rule of it decides"
        : Text($"{(rule.IsStaged ? "staged " : "")}{rule.Action} {rule.Match}", rule.Match);

    /// <summary>People wrote selectors; the kernel has sets. Of all of them a text about a rule names only the rule's.</summary>
    private string Text(string text, RuleMatch match) => match.Source.Sets.Concat(match.Destination.Sets).Distinct()
        .Aggregate(text, (current, set) => _setTexts.TryGetValue(set, out var selector)
            ? current.Replace($"set {set}", $"\"{selector}\"", StringComparison.Ordinal) : current);

    private void Take(DataplaneUpdate update, Dictionary<WorkloadEndpointId, ResourceKey> ids)
    {
        switch (update)
        {
            case IpSetUpdate set:
                _sets[set.Id] = new(set);
                break;
            case RuleListUpdate list:
                _lists[list.List.Id] = list.List;
                break;
            case EndpointUpdate endpoint:
                _endpoints[ids[endpoint.Id]] = endpoint;
                break;
            default:
                // Routes and settings decide about no packet here.
                break;
        }
    }

    private bool IsMember(string id, IpSetMember member) => _sets.TryGetValue(id, out var set) && set.Has(member);

    private static LocalEndpoint LocalOf(WorkloadEndpointId id, Resource<WorkloadEndpointSpec> endpoint) => new()
    {
        Id = id,
        Namespace = endpoint.Metadata.Namespace ?? "",
        InterfaceName = endpoint.Spec.InterfaceName ?? id.Workload,
        Addresses = [.. RemoteEndpoints.ParseAddresses(endpoint.Spec).Select(cidr => new IPNetwork(cidr.FirstAddress(), cidr.IsIpv6 ? 128 : 32))],
        Profiles = endpoint.Spec.Profiles ?? [],
        Labels = endpoint.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty,
#pragma warning disable RS0030 // The contract's type of a protocol number; nothing is opened.
        NamedPorts = [.. RemoteEndpoints.ParsePorts(endpoint.Spec).Select(port => new NamedPort(port.Name, (System.Net.Sockets.ProtocolType)port.Protocol, port.Port))],
#pragma warning restore RS0030
        ServiceAccount = endpoint.Spec.ServiceAccountName ?? "",
    };
}
