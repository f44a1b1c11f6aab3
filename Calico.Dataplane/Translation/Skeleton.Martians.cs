using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <content>Destinations that no workload may send to, whatever policy and host action say.</content>
/// <remarks>
/// They would be this host's own: a workload that may set routes sends 127.0.0.1 to its gateway, and where route_localnet is on (others
/// turn it on for the whole host) the packet is delivered to whoever listens on loopback, thinking itself unreachable. The first byte of
/// the destination is looked up; only the few packets that it could concern go on to the ranges.
/// </remarks>
internal sealed partial class Skeleton
{
    /// <summary>What containers' gateways are, one for each interface of a group (DESIGN 8).</summary>
    private static readonly Cidr[] Gateways4 = [Cidr.From(IPNetwork.Parse("169.254.1.0/29")), Cidr.From(IPNetwork.Parse("169.254.1.8/32"))];

    /// <summary>Upstream's fixed MAC ee:ee:ee:ee:ee:ee as a link-local address: the IPv6 gateway of every workload.</summary>
    private static readonly Cidr Gateway6 = Cidr.From(IPNetwork.Parse("fe80::ecee:eeff:feee:eeee/128"));

    private static IEnumerable<NftRule> DispatchMartians() =>
    [
        new RuleBuilder().DestinationHeadIn(isIpv6: false, Names.MartianHeads4).Jump(Names.Martian4),
        new RuleBuilder().DestinationHeadIn(isIpv6: true, Names.MartianHeads6).Jump(Names.Martian6),
    ];

    private void DefineMartians()
    {
        ruleset.DefineSet(NftSet.Of(Names.MartianHeads4, NftDataType.IPv4Address));
        ruleset.DefineSet(NftSet.Of(Names.MartianHeads6, NftDataType.IPv6Address));
        // "This network", loopback, link-local, and everything reserved (RFC 6890).
        ruleset.ReplaceElements(Names.MartianHeads4,
            [.. new byte[] { 0, 127, 169 }.Concat(Enumerable.Range(240, 16).Select(b => (byte)b)).Select(b => Head(b, 4))]);
        // Unspecified, loopback and IPv4 in IPv6; link-local.
        ruleset.ReplaceElements(Names.MartianHeads6, [.. new byte[] { 0x00, 0xfe }.Select(b => Head(b, 16))]);
        ruleset.SetChain(Names.Martian4,
        [
            // DHCP asks there.
            To("255.255.255.255/32").Return(),
            .. Gateways4.Select(g => new RuleBuilder().AddressWithin(isSource: false, g, inverted: false).Return()),
            // Link-local addresses of this node; of others' (a cloud's metadata) policy decides.
            To("169.254.0.0/16").DestinationIsNotLocal().Return(),
            new RuleBuilder().AddressWithin(isSource: false, Cidr.From(IPNetwork.Parse("169.0.0.0/8")), inverted: false)
                .AddressWithin(isSource: false, Cidr.From(IPNetwork.Parse("169.254.0.0/16")), inverted: true).Return(),
            new RuleBuilder().Drop(DropReason.Martian),
        ]);
        ruleset.SetChain(Names.Martian6,
        [
            new RuleBuilder().AddressWithin(isSource: false, Gateway6, inverted: false).Return(),
            To("fe80::/10").Drop(DropReason.Martian),
            // Also IPv4-mapped and IPv4-compatible addresses, which belong on no wire (RFC 4291, 2.5.5).
            To("::/80").Drop(DropReason.Martian),
        ]);
    }

    private static RuleBuilder To(string range) =>
        new RuleBuilder().AddressWithin(isSource: false, Cidr.From(IPNetwork.Parse(range)), inverted: false);

    private static NftElement Head(byte first, int length)
    {
        var key = new byte[length];
        key[0] = first;
        return NftElement.Of(new NftValue(key));
    }
}
