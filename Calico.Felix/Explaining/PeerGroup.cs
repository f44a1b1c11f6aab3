using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>Peers of which no rule of either policy tells one from the other: one is asked for all.</summary>
/// <param name="Peers">In order.</param>
/// <param name="Addresses">Of the first, and of a second if there is one.</param>
/// <param name="Programs">Of endpoints; null: they are none.</param>
internal sealed record PeerGroup(ImmutableArray<DifferencePeer> Peers, ImmutableArray<Cidr> Addresses, GroupPrograms? Programs)
{
    /// <summary>Most nets of rules that are asked about as such; each is asked with every endpoint.</summary>
    private const int MostNets = 256;

    private const int MostLooks = 64;

    // Documentation and benchmark ranges and a public resolver: the first that no rule has anything to say about.
    private static readonly ImmutableArray<Cidr> Elsewhere =
    [
        Cidr.Parse("203.0.113.77/32"), Cidr.Parse("198.18.255.77/32"), Cidr.Parse("192.0.2.77/32"), Cidr.Parse("9.9.9.9/32"),
        Cidr.Parse("2001:db8:ffff::77/128"), Cidr.Parse("2620:fe::fe/128"),
    ];

    /// <summary>The groups of one family.</summary>
    /// <param name="before">One policy.</param>
    /// <param name="after">The other.</param>
    /// <param name="isIpv6">Which family.</param>
    /// <param name="leftOut">Nets of rules that were too many to be asked about.</param>
    public static ImmutableArray<PeerGroup> Of(ClusterPolicy before, ClusterPolicy after, bool isIpv6, out int leftOut)
    {
        var known = after.Endpoints.ToDictionary(endpoint => endpoint.Key, endpoint => endpoint.Addresses);
        List<(DifferencePeer Peer, Cidr Address)> peers = [];
        foreach (var (key, _) in before.Endpoints.Where(endpoint => known.ContainsKey(endpoint.Key)))
        {
            if (AddressOf(known[key], isIpv6) is { } address)
            {
                peers.Add((new(key, null), address));
            }
        }

        var taken = peers.Select(peer => peer.Address).ToHashSet();
        var nets = NetsOf(before, after, isIpv6);
        leftOut = Math.Max(0, nets.Length - MostNets);
        foreach (var net in nets.Where(net => net.PrefixLength > 0).Take(MostNets))
        {
            if (FreeIn(net, taken) is { } address)
            {
                peers.Add((new(null, net), address));
            }
        }

        var rest = Elsewhere.Where(address => address.IsIpv6 == isIpv6).ToImmutableArray();
        peers.Add((default, rest.FirstOrDefault(address => !nets.Any(net => net.PrefixLength > 0 && net.Contains(address)), rest[0])));

        var signatures = Signatures(peers.ConvertAll(peer => peer.Address), nets, before, after);
        var programs = peers.ConvertAll(peer => GroupPrograms.Of(peer.Peer.Endpoint, before, after));
        return [.. Enumerable.Range(0, peers.Count).GroupBy(i => (signatures[i].ToString(), programs[i]?.Identity))
            .Select(group => new PeerGroup([.. group.Select(i => peers[i].Peer).Order()], [.. group.Select(i => peers[i].Address).Take(2)],
                programs[group.First()]))];
    }

    private static ImmutableArray<Cidr> NetsOf(ClusterPolicy before, ClusterPolicy after, bool isIpv6) =>
    [
        .. before.Lists.Values.Concat(after.Lists.Values).SelectMany(list => list.Rules.Items)
            .SelectMany(rule => new[] { rule.Match.Source, rule.Match.Destination })
            .SelectMany(side => side.Nets.Items.Concat(side.NotNets.Items))
            .Where(net => net.IsIpv6 == isIpv6).Distinct().Order(),
    ];

    private static Cidr? AddressOf(EquatableArray<Cidr> addresses, bool isIpv6) =>
        addresses.Items.Where(address => address.IsIpv6 == isIpv6).Select(address => (Cidr?)address).FirstOrDefault();

    /// <summary>An address of a net that no endpoint has; null: none is found.</summary>
    private static Cidr? FreeIn(Cidr net, HashSet<Cidr> taken)
    {
        // From the middle: the beginning is where workloads are.
        var middle = net.First + ((net.Last - net.First) / 2);
        for (var i = middle; i <= net.Last && i - middle < MostLooks; i++)
        {
            var address = new Cidr(net.IsIpv6, i, net.AddressBits);
            if (!taken.Contains(address))
            {
                return address;
            }
        }

        return null;
    }

    /// <summary>What rules can know of each address: the sets and nets it is in.</summary>
    private static List<StringBuilder> Signatures(List<Cidr> addresses, ImmutableArray<Cidr> nets,
        params ReadOnlySpan<ClusterPolicy> policies)
    {
        var signatures = addresses.ConvertAll(_ => new StringBuilder());
        var places = addresses.Select((address, i) => (address, i)).ToLookup(place => place.address, place => place.i);
        var policyNumber = 0;
        foreach (var policy in policies)
        {
            policyNumber++;
            foreach (var (id, set) in policy.Sets.OrderBy(set => set.Key, StringComparer.Ordinal))
            {
                foreach (var member in set.Members.Order())
                {
                    var there = member.Address.IsHost ? places[member.Address]
                        : Enumerable.Range(0, addresses.Count).Where(i => member.Address.Contains(addresses[i]));
                    foreach (var i in there)
                    {
                        signatures[i].Append(CultureInfo.InvariantCulture, $"{policyNumber} {id} {member.Protocol} {member.Port}\n");
                    }
                }
            }
        }

        for (var n = 0; n < nets.Length; n++)
        {
            for (var i = 0; i < addresses.Count; i++)
            {
                if (nets[n].Contains(addresses[i]))
                {
                    signatures[i].Append(CultureInfo.InvariantCulture, $"net {n}\n");
                }
            }
        }

        return signatures;
    }
}
