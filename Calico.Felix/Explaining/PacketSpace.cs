using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>All packets, cut where some rule cuts them: one of each kind is asked about, and stands for all of it.</summary>
/// <remarks>Of source ports one is asked that clients take: rules that name source ports are about servers' answers.</remarks>
internal sealed class PacketSpace
{
    private const ushort ClientPort = 40000;
    private const byte Icmp = 1;
    private const byte IcmpV6 = 58;

    private static readonly ImmutableArray<byte> WithPorts = [6, 17, 132];

    private readonly ImmutableArray<PacketKind> _ipv4;
    private readonly ImmutableArray<PacketKind> _ipv6;
    private readonly byte _otherProtocol;
    private readonly byte _otherType;

    public PacketSpace(params IReadOnlyCollection<ClusterPolicy> policies)
    {
        var matches = policies.SelectMany(policy => policy.Lists.Values).SelectMany(list => list.Rules.Items)
            .Select(rule => rule.Match).ToList();
        var named = policies.SelectMany(policy => policy.Sets.Values).SelectMany(set => set.Members)
            .Where(member => member.Port > 0).ToList();
        var types = matches.SelectMany(match => new[] { match.Icmp, match.NotIcmp }).OfType<IcmpTypeCode>().ToHashSet();
        var protocols = matches.SelectMany(match => new[] { match.Protocol, match.NotProtocol }).OfType<byte>()
            .Concat(named.Select(member => member.Protocol)).ToHashSet();
        var bytes = Enumerable.Range(0, 256).Select(n => (byte)(255 - n)).ToList();
        _otherProtocol = bytes.Find(n => !protocols.Contains(n) && n is not (Icmp or IcmpV6) && !WithPorts.Contains(n));
        _otherType = bytes.Find(n => types.All(type => type.Type != n));
        var cuts = new SortedSet<int> { 1 };
        foreach (var range in matches.SelectMany(match => match.Destination.Ports.Items.Concat(match.Destination.NotPorts.Items))
            .Concat(named.Select(member => new PortRange(member.Port, member.Port))))
        {
            cuts.Add(Math.Max(1, (int)range.First));
            cuts.Add(range.Last + 1);
        }

        cuts.Remove(ushort.MaxValue + 1);
        var starts = cuts.ToImmutableArray();
        var ends = starts.Skip(1).Select(start => start - 1).Append(ushort.MaxValue);
        ImmutableArray<PortRange> ports = [.. starts.Zip(ends, (first, last) => new PortRange((ushort)first, (ushort)last))];
        ImmutableArray<PacketKind> common =
        [
            .. protocols.Where(n => n is not (Icmp or IcmpV6)).Order()
                .SelectMany(n => (WithPorts.Contains(n) ? ports : [default]).Select(range => new PacketKind(n, range, null))),
            new PacketKind(0, default, null),
        ];
        _ipv4 = [.. common, .. IcmpKinds(Icmp, protocols, types)];
        _ipv6 = [.. common, .. IcmpKinds(IcmpV6, protocols, types)];
    }

    public ImmutableArray<PacketKind> Kinds(bool isIpv6) => isIpv6 ? _ipv6 : _ipv4;

    /// <summary>A packet of a kind.</summary>
    public FirstPacket Packet(PacketKind kind, Cidr from, Cidr to)
    {
        var protocol = kind.Protocol == 0 ? _otherProtocol : kind.Protocol;
        var type = kind.Icmp ?? new(_otherType, 0);
        return new(from, to, protocol, WithPorts.Contains(protocol) ? ClientPort : (ushort)0, kind.Ports.First,
            protocol is Icmp or IcmpV6 ? type with { Code = type.Code ?? 0 } : null);
    }

    /// <summary>Nobody asks: ICMP is like any other protocol.</summary>
    private static IEnumerable<PacketKind> IcmpKinds(byte protocol, HashSet<byte> protocols, HashSet<IcmpTypeCode> types)
    {
        if (types.Count == 0 && !protocols.Contains(protocol))
        {
            yield break;
        }

        yield return new(protocol, default, null);
        foreach (var type in types.OrderBy(type => type.Type).ThenBy(type => type.Code))
        {
            yield return new(protocol, default, type);
        }
    }
}
