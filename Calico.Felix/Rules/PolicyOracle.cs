using Calico.Datastore.Addresses;
using Calico.Felix.Output;

namespace Calico.Felix.Rules;

/// <summary>Asks compiled rules what the kernel would decide about the first packet of a connection.</summary>
/// <remarks>It reads the same compiled rules that are rendered for the kernel, and a rule here matches exactly what its rendering does: one
/// that asks an address or an ICMP type is rendered for each family it can match, and asks that family's protocol.</remarks>
/// <param name="listOf">A rule list by its id; null: there is none, which decides nothing.</param>
/// <param name="isMember">Whether an IP set has a member; of a set of ranges, whether one of them holds the address.</param>
public sealed class PolicyOracle(Func<string, RuleList?> listOf, Func<string, IpSetMember, bool> isMember)
{
    private const byte Icmp = 1;
    private const byte IcmpV6 = 58;

    /// <summary>Whether the program lets it begin.</summary>
    public bool Allows(PolicyProgram program, in FirstPacket packet) => Decide(program, packet) is { Action: RuleAction.Allow };

    /// <summary>The rule that decides about it.</summary>
    /// <returns>Null: no rule does, and it is dropped because no profile allows it.</returns>
    public CompiledRule? Decide(PolicyProgram program, in FirstPacket packet)
    {
        foreach (var id in program.Lists)
        {
            if (Decide(listOf(id), packet) is { Action: not RuleAction.Pass } decided)
            {
                return decided;
            }
        }

        return null;
    }

    /// <returns>Null, or a rule that passes: the next list is asked.</returns>
    private CompiledRule? Decide(RuleList? list, in FirstPacket packet)
    {
        foreach (var rule in list?.Rules.Items ?? [])
        {
            if (rule.Action != RuleAction.Log && !rule.IsStaged && Matches(rule.Match, packet))
            {
                return rule;
            }
        }

        return null;
    }

    private bool Matches(RuleMatch match, in FirstPacket packet) => FindMismatch(match, packet).Field == MatchField.None;

    /// <summary>What of a rule the packet does not meet first, and of which side of it.</summary>
    public (MatchField Field, bool IsSource) FindMismatch(RuleMatch match, in FirstPacket packet)
    {
        var isIpv6 = packet.Source.IsIpv6;
        var protocol = match.Protocol ?? ((match.Icmp ?? match.NotIcmp) is null ? null : isIpv6 ? IcmpV6 : Icmp);
        var field = match.IpVersion is { } version && version != (isIpv6 ? 6 : 4) ? MatchField.IpVersion
            : protocol is { } only && only != packet.Protocol ? MatchField.Protocol
            : match.NotProtocol is { } not && not == packet.Protocol ? MatchField.NotProtocol
            : match.Icmp is { } type && !IsOf(type, packet.Icmp) ? MatchField.Icmp
            : match.NotIcmp is { } notType && IsOf(notType, packet.Icmp) ? MatchField.NotIcmp
            : MatchField.None;
        if (field != MatchField.None)
        {
            return (field, false);
        }

        field = FindMismatch(match.Source, packet.Source, packet.Protocol, packet.SourcePort);
        return field != MatchField.None
            ? (field, true)
            : (FindMismatch(match.Destination, packet.Destination, packet.Protocol, packet.DestinationPort), false);
    }

    private static bool IsOf(IcmpTypeCode asked, IcmpTypeCode? packet) =>
        packet is { } there && there.Type == asked.Type && (asked.Code is null || asked.Code == there.Code);

    private MatchField FindMismatch(SideMatch side, Cidr address, byte protocol, ushort port)
    {
        var (host, service) = (new IpSetMember(address), new IpSetMember(address, protocol, port));
        return !side.Nets.IsEmpty && !side.Nets.Items.Any(n => n.Contains(address)) ? MatchField.Nets
            : side.NotNets.Items.Any(n => n.Contains(address)) ? MatchField.NotNets
            : side.Set is { } set && !isMember(set, host) ? MatchField.Selector
            : side.NotSet is { } notSet && isMember(notSet, host) ? MatchField.NotSelector
            : !side.Ports.IsEmpty && !side.Ports.Items.Any(p => p.First <= port && port <= p.Last) ? MatchField.Ports
            : side.NotPorts.Items.Any(p => p.First <= port && port <= p.Last) ? MatchField.NotPorts
            : side.PortSet is { } portSet && !isMember(portSet, service) ? MatchField.NamedPort
            : side.NotPortSets.Items.Any(s => isMember(s, service)) ? MatchField.NotNamedPort
            : MatchField.None;
    }
}
