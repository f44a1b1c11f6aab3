using System.Collections.Immutable;
using System.Net;
using System.Numerics;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Ranges of both families, none inside another: reservations.</summary>
public sealed class AddressSet
{
    private AddressSet(ImmutableArray<Cidr> ranges) => Ranges = ranges;

    /// <summary>Nothing.</summary>
    public static AddressSet Empty { get; } = new([]);

    /// <summary>Disjoint, ascending, IPv4 first.</summary>
    public ImmutableArray<Cidr> Ranges { get; }

    /// <summary>The set of all addresses of the ranges; what lies inside another is dropped.</summary>
    public static AddressSet Of(IEnumerable<Cidr> ranges)
    {
        var kept = ImmutableArray.CreateBuilder<Cidr>();

        // A range sorts directly behind whatever contains it, so only the last one kept can.
        foreach (var range in ranges.Order())
        {
            if (kept.Count == 0 || !kept[^1].Contains(range))
            {
                kept.Add(range);
            }
        }

        return kept.Count == 0 ? Empty : new(kept.ToImmutable());
    }

    /// <summary>The set of all ranges that can be read: one that cannot reserves nothing.</summary>
    public static AddressSet Read(IEnumerable<string?> texts) =>
        Of(texts.Select(text => Cidr.TryParse(text, out var range) ? range : (Cidr?)null).OfType<Cidr>());

    /// <summary>Whether the address is in the set.</summary>
    public bool Contains(IPAddress address) => !Ranges.IsEmpty && ContainsAll(Cidr.From(address));

    /// <summary>Whether one range of the set covers all of <paramref name="cidr"/>.</summary>
    public bool ContainsAll(Cidr cidr)
    {
        foreach (var range in Ranges)
        {
            if (range.Contains(cidr))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>How many addresses of <paramref name="cidr"/> are in the set.</summary>
    public BigInteger CountIn(Cidr cidr)
    {
        var count = BigInteger.Zero;
        foreach (var range in Ranges)
        {
            count += range.Contains(cidr) ? cidr.Count : cidr.Contains(range) ? range.Count : BigInteger.Zero;
        }

        return count;
    }
}
