using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>A block of addresses and who has each. Pure: every change gives another block, and nothing here reads a clock or a store.
/// </summary>
/// <remarks>
/// Facts that decide, all of them upstream's, which writes the same blocks:
/// an <i>ordinal</i> is an address's place in the block; free ordinals are a queue: taken from the head, released to the tail, so the
/// address that was free the longest is used next; attributes are shared by index and vanish with their last user; an address that
/// cools down stays allocated to an attribute that has only <c>releasedAt</c>; each allocation keeps the block's sequence number of when
/// it was made, and every write of the block counts that number up.
/// </remarks>
public sealed partial class AllocationBlock
{
    /// <summary>Addresses set apart for Windows hosts; a block with nothing else counts as empty.</summary>
    public const string WindowsReservedHandle = "windows-reserved-ipam-handle";

    /// <summary>Bits of the biggest block that is read.</summary>
    internal const int MaxBits = 16;

    private const int Free = -1;

    private readonly ImmutableArray<int> _allocations;
    private readonly ImmutableArray<int> _unallocated;
    private readonly ImmutableArray<IpamAttribute> _attributes;
    private readonly ImmutableDictionary<int, ulong> _sequences;
    private readonly IpamBlockSpec _origin;

    private AllocationBlock(Cidr cidr, IpamBlockSpec origin, ImmutableArray<int> allocations, ImmutableArray<int> unallocated,
        ImmutableArray<IpamAttribute> attributes, ImmutableDictionary<int, ulong> sequences)
    {
        Cidr = cidr;
        _origin = origin;
        _allocations = allocations;
        _unallocated = unallocated;
        _attributes = attributes;
        _sequences = sequences;
    }

    /// <summary>Its range.</summary>
    public Cidr Cidr { get; }

    /// <summary><c>host:&lt;node&gt;</c>, <c>virtual:&lt;name&gt;</c>, or null.</summary>
    public string? Affinity => _origin.Affinity;

    /// <summary>When the affinity was claimed, if the writer said so.</summary>
    public DateTimeOffset? AffinityClaimTime => _origin.AffinityClaimTime;

    /// <summary>What the next allocation gets as its sequence number.</summary>
    public ulong Sequence => _origin.SequenceNumber;

    /// <summary>How many addresses.</summary>
    public int Size => _allocations.Length;

    /// <summary>How many addresses are free, reserved ones included.</summary>
    public int FreeCount => _unallocated.Length;

    /// <summary>Free ordinals, next to be taken first.</summary>
    public ImmutableArray<int> FreeOrdinals => _unallocated;

    /// <summary>Whether nobody has an address of it. Addresses that cool down are somebody's.</summary>
    public bool IsEmpty => _allocations.All(a => a == Free || _attributes[a].HandleId == WindowsReservedHandle);

    /// <summary>Ordinals that are not free, ascending; also those that cool down.</summary>
    public IEnumerable<int> AllocatedOrdinals => Enumerable.Range(0, Size).Where(o => _allocations[o] != Free);

    /// <summary>Addresses that are not free, ascending.</summary>
    public ImmutableArray<IPAddress> InUse => [.. AllocatedOrdinals.Select(o => Cidr.AddressAt((UInt128)o))];

    /// <summary>A block in which everything is free.</summary>
    public static AllocationBlock Create(Cidr cidr, string? affinity, DateTimeOffset? claimTime, ulong sequence)
    {
        var size = SizeOf(cidr);
        var origin = new IpamBlockSpec
        {
            Cidr = cidr.ToString(),
            Affinity = affinity,
            AffinityClaimTime = claimTime,
            SequenceNumber = sequence,
        };
        return new(cidr, origin, [.. Enumerable.Repeat(Free, size)], [.. Enumerable.Range(0, size)], [],
            ImmutableDictionary<int, ulong>.Empty);
    }

    /// <summary>Reads a value of the store.</summary>
    /// <param name="cidr">What its key says.</param>
    /// <param name="value">JSON.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Damaged"/>; or what <see cref="ResourceJson.IsUnreadable"/> knows.</exception>
    public static AllocationBlock FromStored(string cidr, ReadOnlySpan<byte> value)
    {
        var block = FromSpec(ResourceJson.Read<IpamBlockSpec>(value));
        return block.Cidr.ToString() == cidr
            ? block
            : throw new CalicoException(Problem.Damaged, $"the key is that of block {cidr}, the value that of {block.Cidr}");
    }

    /// <summary>Reads a stored block. Free ordinals that its writer lost are found again.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Damaged"/>: sizes or indexes do not fit.</exception>
    public static AllocationBlock FromSpec(IpamBlockSpec spec)
    {
        if (!Cidr.TryParse(spec.Cidr, out var cidr) || spec.Allocations.IsDefault || spec.Allocations.Length != SizeOf(cidr))
        {
            throw new CalicoException(Problem.Damaged,
                $"block \"{spec.Cidr}\" has {(spec.Allocations.IsDefault ? 0 : spec.Allocations.Length)} allocations");
        }

        if (spec.Attributes.IsDefault || spec.Unallocated.IsDefault || spec.Attributes.Any(a => a is null))
        {
            throw new CalicoException(Problem.Damaged, $"block {cidr} has an attribute or a list that is null");
        }

        if (spec.Allocations.Any(a => a is { } index && (index < 0 || index >= spec.Attributes.Length)))
        {
            throw new CalicoException(Problem.Damaged, $"block {cidr} has an allocation without attributes");
        }

        // hostAffinity is what upstream wrote before affinities had a kind; it is read and then written as the new field.
        if (spec.Affinity is null && spec.Unknown is { } unknown && unknown.TryGetValue("hostAffinity", out var host)
            && host.ValueKind == JsonValueKind.String)
        {
            spec = spec with
            {
                Affinity = $"host:{host.GetString()}",
                Unknown = unknown.Where(u => u.Key != "hostAffinity").ToDictionary(),
            };
        }

        ImmutableArray<int> allocations = [.. spec.Allocations.Select(a => a ?? Free)];
        var sequences = (spec.SequenceNumberForAllocation ?? ImmutableSortedDictionary<string, ulong>.Empty)
            .Where(s => int.TryParse(s.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .ToImmutableDictionary(s => int.Parse(s.Key, CultureInfo.InvariantCulture), s => s.Value);
        return new(cidr, spec, allocations, Queue(spec.Unallocated, allocations), spec.Attributes, sequences);
    }

    /// <summary>The block as it is stored; what other writers added is kept.</summary>
    public IpamBlockSpec ToSpec() => _origin with
    {
        Allocations = [.. _allocations.Select(a => a == Free ? (int?)null : a)],
        Unallocated = _unallocated,
        Attributes = _attributes,
        SequenceNumberForAllocation = _sequences.ToImmutableSortedDictionary(
            s => s.Key.ToString(CultureInfo.InvariantCulture), s => s.Value, StringComparer.Ordinal),
    };

    /// <summary>The place of an address, or null when it is not in the block.</summary>
    public int? OrdinalOf(IPAddress address) =>
        Cidr.From(address) is var single && Cidr.Contains(single) ? (int)(single.First - Cidr.First) : null;

    /// <summary>The address at a place.</summary>
    public IPAddress AddressOf(int ordinal) => Cidr.AddressAt((UInt128)ordinal);

    /// <summary>Who has it, or null when it is free.</summary>
    public IpamAttribute? AttributeOf(int ordinal) => _allocations[ordinal] is var index && index != Free ? _attributes[index] : null;

    /// <summary>Sequence number of its allocation, or null when free or allocated by a writer that had none.</summary>
    public ulong? SequenceOf(int ordinal) =>
        _allocations[ordinal] != Free && _sequences.TryGetValue(ordinal, out var sequence) ? sequence : null;

    /// <summary>Ordinals of a handle, ascending.</summary>
    public ImmutableArray<int> OrdinalsOf(string handle) =>
        [.. AllocatedOrdinals.Where(o => string.Equals(_attributes[_allocations[o]].HandleId, handle, StringComparison.OrdinalIgnoreCase))];

    /// <summary>Free addresses that are not reserved.</summary>
    public int FreeCountOutside(AddressSet reserved) => _unallocated.Count(o => !reserved.Contains(AddressOf(o)));

    /// <summary>Reserved addresses, in use or not.</summary>
    public int CountIn(AddressSet reserved) => (int)reserved.CountIn(Cidr);

    /// <summary>Whether an address may be taken from it on behalf of an owner (<c>host:&lt;node&gt;</c>).</summary>
    /// <returns>Null: yes. Otherwise upstream's words.</returns>
    public string? RefusalFor(string owner, bool strictAffinity) => !strictAffinity || Affinity == owner ? null
        : Affinity is null ? $"Attempt to assign from block {Cidr} with no affinity"
        : "Block host affinity does not match";

    /// <summary>With another affinity, or none.</summary>
    public AllocationBlock WithAffinity(string? affinity, DateTimeOffset? claimTime) =>
        With(_origin with { Affinity = affinity, AffinityClaimTime = claimTime });

    /// <summary>As after a write: the sequence number is one higher.</summary>
    public AllocationBlock Counted() => With(_origin with { SequenceNumber = _origin.SequenceNumber + 1 });

    private static int SizeOf(Cidr cidr) => cidr.AddressBits - cidr.PrefixLength is var bits and <= MaxBits
        ? 1 << bits
        : throw new CalicoException(Problem.Damaged, $"{cidr} is too big for a block");

    private static ImmutableArray<int> Queue(ImmutableArray<int> stored, ImmutableArray<int> allocations)
    {
        var isQueued = new bool[allocations.Length];
        var queue = ImmutableArray.CreateBuilder<int>(stored.Length);
        foreach (var ordinal in stored.Concat(Enumerable.Range(0, allocations.Length)))
        {
            if (ordinal >= 0 && ordinal < isQueued.Length && allocations[ordinal] == Free && !isQueued[ordinal])
            {
                isQueued[ordinal] = true;
                queue.Add(ordinal);
            }
        }

        return queue.ToImmutable();
    }

    private AllocationBlock With(IpamBlockSpec origin) => new(Cidr, origin, _allocations, _unallocated, _attributes, _sequences);
}
