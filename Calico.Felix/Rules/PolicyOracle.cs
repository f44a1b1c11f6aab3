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
            if (rule.Action != RuleAction.Log && Matches(rule.Match, packet))
            {
                return rule;
            }
        }

        return null;
    }

    private bool Matches(RuleMatch match, in FirstPacket packet)
    {
        var isIpv6 = packet.Source.IsIpv6;
        var protocol = match.Protocol ?? ((match.Icmp ?? match.NotIcmp) is null ? null : isIpv6 ? IcmpV6 : Icmp);
        return (match.IpVersion is null || match.IpVersion == (isIpv6 ? 6 : 4))
            && (protocol is null || protocol == packet.Protocol)
            && (match.NotProtocol is null || match.NotProtocol != packet.Protocol)
            && (match.Icmp is not { } only || IsOf(only, packet.Icmp))
            && (match.NotIcmp is not { } not || !IsOf(not, packet.Icmp))
            && Matches(match.Source, packet.Source, packet.Protocol, packet.SourcePort)
            && Matches(match.Destination, packet.Destination, packet.Protocol, packet.DestinationPort);
    }

    private static bool IsOf(IcmpTypeCode asked, IcmpTypeCode? packet) =>
        packet is { } there && there.Type == asked.Type && (asked.Code is null || asked.Code == there.Code);

    private bool Matches(SideMatch side, Cidr address, byte protocol, ushort port)
    {
        var (host, service) = (new IpSetMember(address), new IpSetMember(address, protocol, port));
        return (side.Nets.IsEmpty || side.Nets.Items.Any(n => n.Contains(address)))
            && !side.NotNets.Items.Any(n => n.Contains(address))
            && (side.Set is null || isMember(side.Set, host))
            && (side.NotSet is null || !isMember(side.NotSet, host))
            && (side.Ports.IsEmpty || side.Ports.Items.Any(p => p.First <= port && port <= p.Last))
            && !side.NotPorts.Items.Any(p => p.First <= port && port <= p.Last)
            && (side.PortSet is null || isMember(side.PortSet, service))
            && !side.NotPortSets.Items.Any(s => isMember(s, service));
    }
}
