using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>What two states of the store let through differently: between workload endpoints, and between them and outside.</summary>
/// <remarks>Nothing is sampled: endpoints that no rule can tell apart are one group, packets that no rule can tell apart are one kind,
/// and of each group and kind one is asked. Endpoints that only one of the states has are left out, as are connections from an endpoint
/// to itself. Source ports: one that clients take.</remarks>
public sealed class PolicyDifference
{
    private readonly ClusterPolicy _before;
    private readonly ClusterPolicy _after;
    private readonly PacketSpace _packets;
    private readonly HashSet<string> _changedLists;

    private PolicyDifference(ClusterPolicy before, ClusterPolicy after)
    {
        (_before, _after, _packets) = (before, after, new(before, after));
        _changedLists = [.. before.Lists.Keys.Union(after.Lists.Keys, StringComparer.Ordinal).Where(IsChanged)];
    }

    /// <summary>Connections that change, those that are lost first.</summary>
    public ImmutableArray<ChangedFlow> Flows { get; private set; } = [];

    /// <summary>Nets that rules name and that were too many to be asked about; 0: none.</summary>
    public int NetsLeftOut { get; private set; }

    /// <summary>Every kind of packet that was asked about: all packets of a family, cut where some rule cuts them.</summary>
    public ImmutableArray<PacketKind> Kinds(bool isIpv6) => _packets.Kinds(isIpv6);

    /// <summary>Compares.</summary>
    public static PolicyDifference Between(ClusterPolicy before, ClusterPolicy after)
    {
        var difference = new PolicyDifference(before, after);
        var flows = new List<Flow>();
        foreach (var isIpv6 in new[] { false, true })
        {
            var groups = PeerGroup.Of(before, after, isIpv6, out var leftOut);
            difference.NetsLeftOut += leftOut;
            flows.AddRange(difference.Find(groups, isIpv6));
        }

        difference.Flows = [.. difference.Merge(flows)];
        return difference;
    }

    private IEnumerable<Flow> Find(ImmutableArray<PeerGroup> groups, bool isIpv6)
    {
        foreach (var from in groups)
        {
            foreach (var to in groups)
            {
                var isAsked = (from.Programs is { } sender && IsChanged(sender.EgressBefore, sender.EgressAfter))
                    || (to.Programs is { } receiver && IsChanged(receiver.IngressBefore, receiver.IngressAfter));
                // Of an endpoint alone in its group there is nobody else to be reached.
                if (!isAsked || (from == to && from.Addresses.Length < 2))
                {
                    continue;
                }

                foreach (var kind in _packets.Kinds(isIpv6))
                {
                    var packet = _packets.Packet(kind, from.Addresses[0], to.Addresses[from == to ? 1 : 0]);
                    var (was, will) = (Judge(_before, from.Programs?.EgressBefore, to.Programs?.IngressBefore, packet),
                        Judge(_after, from.Programs?.EgressAfter, to.Programs?.IngressAfter, packet));
                    if (was.Allowed == will.Allowed)
                    {
                        continue;
                    }

                    // What is gained is told at the end where it was denied.
                    var direction = will.Allowed ? was.Direction : will.Direction;
                    var program = direction == PolicyDirection.Egress ? from.Programs!.EgressAfter : to.Programs!.IngressAfter;
                    var decided = _after.Decide(program, packet);
                    var text = decided is null ? "" : _after.TextOf(decided);
                    yield return new(from, to, isIpv6, kind, will.Allowed, direction, decided, text);
                }
            }
        }
    }

    /// <summary>Whether it is let through, and the end that does not.</summary>
    private static (bool Allowed, PolicyDirection Direction) Judge(ClusterPolicy policy, PolicyProgram? egress, PolicyProgram? ingress,
        in FirstPacket packet) =>
        egress is not null && policy.Decide(egress, packet) is not { Action: RuleAction.Allow } ? (false, PolicyDirection.Egress)
        : ingress is not null && policy.Decide(ingress, packet) is not { Action: RuleAction.Allow } ? (false, PolicyDirection.Ingress)
        : (true, default);

    private bool IsChanged(PolicyProgram before, PolicyProgram after) =>
        before.Identity != after.Identity || after.Lists.Any(_changedLists.Contains);

    /// <summary>Whether a list decides otherwise: not where it comes from, but what it asks and does.</summary>
    private bool IsChanged(string list) =>
        !_before.Lists.TryGetValue(list, out var before) || !_after.Lists.TryGetValue(list, out var after)
        || !before.Rules.Items.Select(WhatActs).SequenceEqual(after.Rules.Items.Select(WhatActs))
        || after.Sets.Any(set => !_before.Sets.TryGetValue(set, out var old) || !_after.Sets.TryGetValue(set, out var now)
            || !old.Members.SetEquals(now.Members));

    private static (RuleMatch Match, RuleAction Action, bool IsStaged) WhatActs(CompiledRule rule) =>
        (rule.Match, rule.Action, rule.IsStaged);

    /// <summary>Flows that are told in one line: by packets, by family, by sender, by receiver.</summary>
    private IEnumerable<ChangedFlow> Merge(List<Flow> found)
    {
        var byPair = found.GroupBy(flow => (flow.From, flow.To, flow.IsIpv6, flow.Allowed, flow.Direction, flow.DecidedBy))
            .Select(group => new ChangedFlow(group.Key.From.Peers, group.Key.To.Peers, group.Key.IsIpv6,
                [.. group.Select(flow => flow.Kind)], group.Count() == _packets.Kinds(group.Key.IsIpv6).Length,
                group.Key.Allowed, group.Key.Direction, group.Key.DecidedBy, group.First().Rule));
        var byFamily = byPair.GroupBy(flow => Key(flow, [.. flow.From], [.. flow.To], null)).Select(group => group.First() with
        {
            IsIpv6 = group.Count() == 2 || !HasBoth(group.First(), group.First().IsIpv6 != true) ? null : group.First().IsIpv6,
        });
        var bySender = byFamily.GroupBy(flow => Key(flow, [], [.. flow.To], flow.IsIpv6)).Select(group => group.First() with
        {
            From = [.. group.SelectMany(flow => flow.From).Distinct().Order()],
        });
        var byReceiver = bySender.GroupBy(flow => Key(flow, [.. flow.From], [], flow.IsIpv6)).Select(group => group.First() with
        {
            To = [.. group.SelectMany(flow => flow.To).Distinct().Order()],
        });
        return byReceiver.OrderBy(flow => flow.Allowed).ThenBy(flow => flow.From[0]).ThenBy(flow => flow.To[0]);
    }

    /// <summary>Whether there are such connections of a family at all.</summary>
    private bool HasBoth(ChangedFlow flow, bool isIpv6) =>
        flow.From.Any(peer => Has(peer, isIpv6)) && flow.To.Any(peer => Has(peer, isIpv6));

    private bool Has(DifferencePeer peer, bool isIpv6) =>
        peer.Endpoint is { } endpoint ? _after.AddressesOf(endpoint).Items.Any(address => address.IsIpv6 == isIpv6)
        : peer.Net is not { } net || net.IsIpv6 == isIpv6;

    private static string Key(ChangedFlow flow, IEnumerable<DifferencePeer> from, IEnumerable<DifferencePeer> to, bool? isIpv6) =>
        string.Join('\n', [string.Join(',', from), string.Join(',', to), $"{isIpv6}",
            flow.IsEvery ? "every" : string.Join(',', flow.Packets), $"{flow.Allowed}", $"{flow.Direction}",
            $"{flow.DecidedBy?.Provenance}", flow.Rule]);

    private sealed record Flow(PeerGroup From, PeerGroup To, bool IsIpv6, PacketKind Kind, bool Allowed, PolicyDirection Direction,
        CompiledRule? DecidedBy, string Rule);
}
