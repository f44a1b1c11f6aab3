using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>The compiled programs of every workload endpoint of the store, whatever node it is on, and what they say of a connection.
/// </summary>
/// <remarks>Compiled by the very graph whose output the nodes enforce, so it says what they do with the same resources. What only a node
/// knows is not in it: labels that are still to come, and kernel counters. What judges a host is another graph's
/// (<see cref="HostPolicy"/>). Immutable after <see cref="Compile"/>; safe to read from any thread.</remarks>
public sealed class ClusterPolicy
{
    private readonly CompiledPrograms _programs = new();
    private readonly Dictionary<ResourceKey, EndpointUpdate> _endpoints = [];

    private ClusterPolicy()
    {
    }

    /// <summary>The endpoints, with their addresses.</summary>
    public IEnumerable<(ResourceKey Key, EquatableArray<Cidr> Addresses)> Endpoints => _endpoints.Select(e => (e.Key, e.Value.Addresses));

    internal IReadOnlyDictionary<string, IpSetContent> Sets => _programs.Sets;

    internal IReadOnlyDictionary<string, RuleList> Lists => _programs.Lists;

    /// <summary>Compiles what the store holds.</summary>
    /// <param name="stored">Every resource of the kinds that the graph takes and every WorkloadEndpoint, also those that cannot be read.
    /// </param>
    /// <param name="followsServices">As of <see cref="CalculationGraph"/>.</param>
    public static ClusterPolicy Compile(IEnumerable<SyncUpdate> stored, bool followsServices = false)
    {
        var (policy, graph) = (new ClusterPolicy(), new CalculationGraph("every node", followsServices));
        var ids = StoredEndpoints.Tell(graph, stored, _ => true);
        // Routes and settings decide about no packet here.
        foreach (var endpoint in policy._programs.Take(graph).OfType<EndpointUpdate>())
        {
            policy._endpoints[ids[endpoint.Id]] = endpoint;
        }

        return policy;
    }

    /// <summary>What becomes of the first packet of a connection, and of its answer where that is asked for itself.</summary>
    /// <param name="from">Who sends it.</param>
    /// <param name="to">Whom it is sent to, after destination NAT.</param>
    /// <param name="protocol">IP protocol number.</param>
    /// <param name="port">Destination port; 0 for protocols without.</param>
    /// <param name="icmp">Type and code of ICMP.</param>
    public Explanation Explain(PolicyPeer from, PolicyPeer to, byte protocol, ushort port, IcmpTypeCode? icmp) =>
        Explain(from, to, FirstOf(from, to, protocol, port, icmp));

    /// <summary>The first packet of a connection from one end to another.</summary>
    /// <inheritdoc cref="Explain(PolicyPeer, PolicyPeer, byte, ushort, IcmpTypeCode?)"/>
    public static FirstPacket FirstOf(PolicyPeer from, PolicyPeer to, byte protocol, ushort port, IcmpTypeCode? icmp) =>
        // Any port that no rule names: clients take theirs from this range.
        new(from.Address, to.Address, protocol, (ushort)(port == 0 ? 0 : 40000), port, icmp);

    /// <inheritdoc cref="Explain(PolicyPeer, PolicyPeer, byte, ushort, IcmpTypeCode?)"/>
    /// <param name="from">Who sends it.</param>
    /// <param name="to">Whom it is sent to.</param>
    /// <param name="packet">After destination NAT, from the sender's own address.</param>
    /// <param name="untranslated">Before it, as it leaves the sender's host and comes to the receiver's; null: the same.</param>
    /// <param name="leavesAs">The source that the sender's host gives it; null: the sender's own.</param>
    public Explanation Explain(PolicyPeer from, PolicyPeer to, in FirstPacket packet, FirstPacket? untranslated = null,
        Cidr? leavesAs = null) =>
        new ConnectionWalk(this, from, to, packet, untranslated ?? packet, leavesAs).Go();

    /// <summary>What judges an endpoint, as <see cref="EnforcedText"/> says it, with the interface that its node knows it by.</summary>
    public (string InterfaceName, ImmutableArray<string> Lines) TextOf(ResourceKey endpoint) =>
        (_endpoints[endpoint].InterfaceName, [.. EnforcedText.Of(_endpoints[endpoint], id => Lists.GetValueOrDefault(id))]);

    internal EquatableArray<Cidr> AddressesOf(ResourceKey endpoint) => _endpoints[endpoint].Addresses;

    /// <summary>The program of an endpoint; null: there is no such endpoint.</summary>
    internal PolicyProgram? ProgramOf(ResourceKey endpoint, PolicyDirection direction) =>
        !_endpoints.TryGetValue(endpoint, out var update) ? null : direction == PolicyDirection.Egress ? update.Egress : update.Ingress;

    /// <inheritdoc cref="PolicyOracle.Decide(PolicyProgram, in FirstPacket)"/>
    internal CompiledRule? Decide(PolicyProgram program, in FirstPacket packet) => _programs.Decide(program, packet);

    /// <inheritdoc cref="CompiledPrograms.TextOf"/>
    internal string TextOf(CompiledRule rule) => _programs.TextOf(rule);

    /// <summary>What an endpoint's own policy says.</summary>
    internal DirectionExplanation Explain(ResourceKey endpoint, PolicyDirection direction, in FirstPacket packet)
    {
        var steps = _programs.Explain(ProgramOf(endpoint, direction)!, packet);
        return new(direction, DirectionExplanation.Verdict(steps) == true, steps) { Judge = endpoint };
    }
}
