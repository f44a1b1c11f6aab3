using System.Net;

namespace Calico.Linux.Nftables;

/// <summary>Ranges of a simple key, as the kernel keeps them: where one begins, and the first key after it.</summary>
/// <remarks>The kernel refuses overlapping ranges (<see cref="Errno.Exists"/>); keep them disjoint.</remarks>
public static class NftInterval
{
    /// <summary>The elements of an inclusive range; data, if any, goes to the first of them with <c>with</c>.</summary>
    public static IEnumerable<NftElement> Range(NftValue first, NftValue last, NftElement content = default)
    {
        yield return content with { Key = first, Flags = NftElementFlags.None };

        // A range up to the largest key has no end element: there is no key after it.
        if (TryNext(last, out var next))
        {
            yield return NftElement.RangeEnd(next);
        }
    }

    /// <summary>The elements of an address prefix.</summary>
    public static IEnumerable<NftElement> Prefix(IPNetwork network, NftElement content = default)
    {
        var last = network.BaseAddress.GetAddressBytes();
        for (var bit = network.PrefixLength; bit < last.Length * 8; bit++)
        {
            last[bit / 8] |= (byte)(0x80 >> (bit % 8));
        }

        return Range(NftValue.Address(network.BaseAddress), new NftValue(last), content);
    }

    private static bool TryNext(NftValue value, out NftValue next)
    {
        var bytes = value.Bytes.ToArray();
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            if (++bytes[i] == 0)
            {
                continue;
            }

            next = new NftValue(bytes);
            return true;
        }

        next = default;
        return false;
    }
}
