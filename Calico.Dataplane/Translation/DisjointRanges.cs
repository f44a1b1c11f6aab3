using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>Ranges that the kernel accepts in one interval set: it refuses overlaps, and policy is full of them.</summary>
internal static class DisjointRanges
{
    /// <summary>The widest ranges, ascending. Two prefixes are nested or apart, so what lies in another is simply left out.</summary>
    public static ImmutableArray<Cidr> Cover(IEnumerable<Cidr> ranges)
    {
        var cover = ImmutableArray.CreateBuilder<Cidr>();
        // In this order a wider range stands right before those inside it.
        foreach (var range in ranges.Distinct().Order())
        {
            if (cover.Count == 0 || !cover[^1].Contains(range))
            {
                cover.Add(range);
            }
        }

        return cover.ToImmutable();
    }

    /// <summary>Elements of an interval set. Adjacent ranges become one: the end of one and the start of the next would be one key.
    /// </summary>
    public static IEnumerable<NftElement> Elements(IEnumerable<Cidr> ranges)
    {
        Cidr? first = null;
        UInt128 last = 0;
        foreach (var range in Cover(ranges))
        {
            if (first is { } open && last + 1 != range.First)
            {
                foreach (var element in Between(open, last))
                {
                    yield return element;
                }

                first = null;
            }

            first ??= range;
            last = range.Last;
        }

        foreach (var element in first is { } rest ? Between(rest, last) : [])
        {
            yield return element;
        }
    }

    /// <summary>Ports, merged where they touch.</summary>
    public static IEnumerable<NftElement> Elements(IEnumerable<Calico.Felix.Rules.PortRange> ranges)
    {
        (int First, int Last)? open = null;
        foreach (var range in ranges.OrderBy(r => r.First))
        {
            if (open is { } before && range.First <= before.Last + 1)
            {
                open = (before.First, Math.Max(before.Last, range.Last));
                continue;
            }

            foreach (var element in Between(open))
            {
                yield return element;
            }

            open = (range.First, range.Last);
        }

        foreach (var element in Between(open))
        {
            yield return element;
        }
    }

    private static IEnumerable<NftElement> Between((int First, int Last)? range) => range is { } given
        ? NftInterval.Range(NftValue.BigEndian((ushort)given.First), NftValue.BigEndian((ushort)given.Last))
        : [];

    private static IEnumerable<NftElement> Between(Cidr first, UInt128 last) => NftInterval.Range(
        NftValue.Address(first.FirstAddress()),
        NftValue.Address(new Cidr(first.IsIpv6, last, first.AddressBits).FirstAddress()));
}
