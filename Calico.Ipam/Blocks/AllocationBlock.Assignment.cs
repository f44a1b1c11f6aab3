using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

public sealed partial class AllocationBlock
{
    /// <summary>Takes free addresses from the head of the queue; reserved ones keep their places.</summary>
    /// <param name="count">How many, at most.</param>
    /// <param name="attribute">Who has them then.</param>
    /// <param name="reserved">Never taken.</param>
    /// <param name="taken">The ordinals, in the order taken; fewer than asked when there are no more.</param>
    /// <param name="isAllowed">Which addresses may be taken at all; null: all.</param>
    /// <param name="isBetterLeft">Addresses taken only when no other is left; null: none.</param>
    public AllocationBlock Assign(int count, IpamAttribute attribute, AddressSet reserved, out ImmutableArray<int> taken,
        Func<IPAddress, bool>? isAllowed = null, Func<IPAddress, bool>? isBetterLeft = null)
    {
        var chosen = new List<int>(Math.Min(count, _unallocated.Length));
        var left = new List<int>();
        foreach (var ordinal in _unallocated)
        {
            if (chosen.Count == count)
            {
                break;
            }

            var address = AddressOf(ordinal);
            if (reserved.Contains(address) || isAllowed?.Invoke(address) == false)
            {
                continue;
            }

            (isBetterLeft?.Invoke(address) == true ? left : chosen).Add(ordinal);
        }

        chosen.AddRange(left.Take(count - chosen.Count));
        taken = [.. chosen];
        return taken.IsEmpty ? this : Allocate(taken, attribute);
    }

    /// <summary>Takes one address, reserved or not; null when it is not free.</summary>
    public AllocationBlock? AssignOrdinal(int ordinal, IpamAttribute attribute) =>
        _allocations[ordinal] == Free ? Allocate([ordinal], attribute) : null;

    /// <summary>Gives an allocated address to another owner, or changes what is kept with it.</summary>
    /// <param name="ordinal">Allocated.</param>
    /// <param name="attribute">Who has it then.</param>
    /// <param name="isNewOwner">Whether it gets a new sequence number.</param>
    public AllocationBlock Reassign(int ordinal, IpamAttribute attribute, bool isNewOwner)
    {
        var (allocations, attributes) = (_allocations, _attributes);
        var index = IndexOf(attribute, ref attributes);
        allocations = allocations.SetItem(ordinal, index);
        var sequences = isNewOwner ? _sequences.SetItem(ordinal, Sequence) : _sequences;
        return WithoutUnused(allocations, _unallocated, attributes, sequences);
    }

    private AllocationBlock Allocate(ImmutableArray<int> ordinals, IpamAttribute attribute)
    {
        var attributes = _attributes;
        var index = IndexOf(attribute, ref attributes);
        var allocations = _allocations.ToBuilder();
        var sequences = _sequences.ToBuilder();
        foreach (var ordinal in ordinals)
        {
            allocations[ordinal] = index;
            sequences[ordinal] = Sequence;
        }

        return new(Cidr, _origin, allocations.MoveToImmutable(), [.. _unallocated.Where(o => !ordinals.Contains(o))],
            attributes, sequences.ToImmutable());
    }

    private static int IndexOf(IpamAttribute attribute, ref ImmutableArray<IpamAttribute> attributes)
    {
        for (var i = 0; i < attributes.Length; i++)
        {
            if (SameOwner(attributes[i], attribute))
            {
                return i;
            }
        }

        attributes = attributes.Add(attribute);
        return attributes.Length - 1;
    }

    private static bool SameOwner(IpamAttribute a, IpamAttribute b) =>
        a.HandleId == b.HandleId && a.ReleasedAt == b.ReleasedAt && SameText(a.Secondary, b.Secondary)
        && SameText(a.AlternateOwnerAttrs, b.AlternateOwnerAttrs) && a.Unknown is null or { Count: 0 } && b.Unknown is null or { Count: 0 };

    private static bool SameText(ImmutableSortedDictionary<string, string>? a, ImmutableSortedDictionary<string, string>? b)
    {
        var (left, right) = (a ?? ImmutableSortedDictionary<string, string>.Empty, b ?? ImmutableSortedDictionary<string, string>.Empty);
        return left.Count == right.Count && left.All(l => right.TryGetValue(l.Key, out var value) && value == l.Value);
    }

    private AllocationBlock WithoutUnused(ImmutableArray<int> allocations, ImmutableArray<int> unallocated,
        ImmutableArray<IpamAttribute> attributes, ImmutableDictionary<int, ulong> sequences)
    {
        var isUsed = new bool[attributes.Length];
        foreach (var index in allocations)
        {
            if (index != Free)
            {
                isUsed[index] = true;
            }
        }

        if (!isUsed.Contains(false))
        {
            return new(Cidr, _origin, allocations, unallocated, attributes, sequences);
        }

        var moved = new int[attributes.Length];
        var kept = ImmutableArray.CreateBuilder<IpamAttribute>();
        for (var i = 0; i < attributes.Length; i++)
        {
            moved[i] = kept.Count;
            if (isUsed[i])
            {
                kept.Add(attributes[i]);
            }
        }

        return new(Cidr, _origin, [.. allocations.Select(a => a == Free ? Free : moved[a])], unallocated, kept.ToImmutable(), sequences);
    }
}
