using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Felix;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>The sets that the rules of a list look ranges up in, named by content: two rules with the same ranges share one.</summary>
internal sealed class ContentSets
{
    private readonly Dictionary<string, (NftSet Definition, ImmutableArray<NftElement> Elements)> _all = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, (NftSet Definition, ImmutableArray<NftElement> Elements)> All => _all;

    /// <summary>Those asked for since the last <see cref="Begin"/>.</summary>
    public ImmutableArray<(NftSet Definition, ImmutableArray<NftElement> Elements)> Asked => [.. _asked.Select(name => _all[name])];

    /// <summary>The next rule begins.</summary>
    public void Begin() => _asked.Clear();

    /// <summary>One that was rendered before.</summary>
    public void Add((NftSet Definition, ImmutableArray<NftElement> Elements) set) => _all.TryAdd(set.Definition.Name, set);

    /// <returns>The name of the set of these ranges, all of one family.</returns>
    public string OfNets(List<Cidr> nets, bool isIpv6)
    {
        var cover = DisjointRanges.Cover(nets);
        var name = Names.OfContent(isIpv6 ? "nets6-" : "nets4-", string.Join(',', cover.Select(range => range.ToShortString())));
        return Ask(NftSet.Of(name, isIpv6 ? NftDataType.IPv6Address : NftDataType.IPv4Address), [.. DisjointRanges.Elements(cover)]);
    }

    /// <returns>The name of the set of these ports.</returns>
    public string OfPorts(EquatableArray<PortRange> ports)
    {
        var name = Names.OfContent("ports-", string.Join(',', ports.Items.Order(Comparer<PortRange>.Create((a, b) =>
            a.First != b.First ? a.First.CompareTo(b.First) : a.Last.CompareTo(b.Last)))));
        return Ask(NftSet.Of(name, NftDataType.Service), [.. DisjointRanges.Elements(ports)]);
    }

    private string Ask(NftSet set, ImmutableArray<NftElement> elements)
    {
        _all.TryAdd(set.Name, (set with { Interval = true }, elements));
        _asked.Add(set.Name);
        return set.Name;
    }
}
