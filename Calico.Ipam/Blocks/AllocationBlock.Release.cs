using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Resources;

namespace Calico.Ipam;

public sealed partial class AllocationBlock
{
    /// <summary>Frees addresses of this block, all or none.</summary>
    /// <param name="requests">Addresses inside the block; one that is named twice counts once.</param>
    /// <param name="coolingSince">With a cool-down configured: now. The addresses are then not free yet. Null: free at once.</param>
    public BlockRelease Release(IReadOnlyCollection<ReleaseRequest> requests, DateTimeOffset? coolingSince = null)
    {
        var released = new List<int>();
        var unallocated = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var request in requests.DistinctBy(r => r.Address))
        {
            var ordinal = OrdinalOf(request.Address)
                ?? throw new ArgumentException($"{request.Address} is not in {Cidr}", nameof(requests));
            if (AttributeOf(ordinal) is not { ReleasedAt: null } holder)
            {
                unallocated.Add(request.Address);
                continue;
            }

            // Handles are keys of a store that folded their case once, so upstream compares them without case.
            if (request.Handle is { } handle && !string.Equals(handle, holder.HandleId, StringComparison.OrdinalIgnoreCase))
            {
                return Refuse($"{request.Address} is held by handle \"{holder.HandleId}\", not \"{handle}\"");
            }

            if (request.Sequence is { } sequence && sequence != (SequenceOf(ordinal) ?? 0))
            {
                return Refuse($"{request.Address} has been assigned again: its sequence number is {SequenceOf(ordinal) ?? 0}, "
                    + $"not {sequence}");
            }

            released.Add(ordinal);
        }

        return Freeing(released, unallocated.ToImmutable(), coolingSince);

        BlockRelease Refuse(string text) => new(this, [], [], ImmutableSortedDictionary<string, int>.Empty, text);
    }

    /// <summary>Frees every address of a handle.</summary>
    /// <param name="handle">Whose.</param>
    /// <param name="sequence">Only allocations with that sequence number; null: all.</param>
    /// <param name="coolingSince">As in <see cref="Release"/>.</param>
    public BlockRelease ReleaseByHandle(string handle, ulong? sequence = null, DateTimeOffset? coolingSince = null) =>
        Freeing([.. OrdinalsOf(handle).Where(o => sequence is null || (SequenceOf(o) ?? 0) == sequence)], [], coolingSince);

    /// <summary>Makes addresses free whose cool-down is over.</summary>
    public AllocationBlock CollectCooled(DateTimeOffset now, TimeSpan cooldown)
    {
        var over = AllocatedOrdinals
            .Where(o => AttributeOf(o)!.ReleasedAt is { } since && (now - since >= cooldown || since > now + cooldown))
            .ToImmutableArray();
        return over.IsEmpty ? this : Freed(over);
    }

    /// <summary>Whether the address is released and waits for its cool-down to end.</summary>
    public bool IsCooling(int ordinal) => AttributeOf(ordinal) is { ReleasedAt: not null };

    private BlockRelease Freeing(List<int> ordinals, ImmutableArray<IPAddress> unallocated, DateTimeOffset? coolingSince)
    {
        var counts = ordinals.Select(o => AttributeOf(o)!.HandleId).OfType<string>()
            .CountBy(h => h).ToImmutableSortedDictionary(StringComparer.Ordinal);
        ImmutableArray<IPAddress> addresses = [.. ordinals.Select(AddressOf)];
        var block = ordinals.Count == 0 ? this
            : coolingSince is { } since ? ordinals.Aggregate(this, (b, o) => b.Reassign(o, new() { ReleasedAt = since }, false))
            : Freed([.. ordinals]);
        return new(block, addresses, unallocated, counts);
    }

    private AllocationBlock Freed(ImmutableArray<int> ordinals)
    {
        var allocations = _allocations.ToBuilder();
        foreach (var ordinal in ordinals)
        {
            allocations[ordinal] = Free;
        }

        return WithoutUnused(allocations.MoveToImmutable(), [.. _unallocated, .. ordinals], _attributes, _sequences.RemoveRange(ordinals));
    }
}
