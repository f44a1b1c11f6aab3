using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Who has which address, and where those who ought to agree do not. Pure; <c>calicoctl ipam check</c>, <c>show</c> and <c>who</c>
/// print it, and the audit of a node acts on it.</summary>
/// <param name="Addresses">Every allocation, ascending.</param>
/// <param name="Findings">What does not agree.</param>
public sealed record IpamReport(ImmutableArray<AuditedAddress> Addresses, ImmutableArray<AuditFinding> Findings)
{
    /// <summary>Compares what IPAM stores with who uses addresses.</summary>
    public static IpamReport Of(IpamSnapshot snapshot, ImmutableArray<AuditedEndpoint> endpoints)
    {
        var users = endpoints.SelectMany(e => e.Addresses.Select(a => (Address: a, Endpoint: e))).ToLookup(u => u.Address, u => u.Endpoint);
        ImmutableArray<AuditedAddress> addresses = [.. snapshot.Blocks
            .SelectMany(b => b.AllocatedOrdinals.Select(o => Describe(b, o, users)))
            .OrderBy(a => Cidr.From(a.Address))];
        return new(addresses,
            [.. addresses.SelectMany(a => FindingsOf(a, users, snapshot.Nodes)), .. Unallocated(snapshot, addresses, users),
            .. Handles(snapshot), .. Affinities(snapshot), .. Overlaps(snapshot),
            .. snapshot.Damaged.Select(d => new AuditFinding(AuditProblem.BlockDamaged, d.Key, d.Reason))]);
    }

    /// <summary>All that is known of one address: for <c>calicoctl ipam who</c>.</summary>
    public AuditedAddress? Find(IPAddress address) => Addresses.FirstOrDefault(a => a.Address.Equals(address));

    private static AuditedAddress Describe(AllocationBlock block, int ordinal, ILookup<IPAddress, AuditedEndpoint> users)
    {
        var (address, attribute, lease) = (block.AddressOf(ordinal), block.AttributeOf(ordinal)!, LeaseRecord.From(block, ordinal));
        return new(address, block.Cidr, block.Affinity, attribute.HandleId ?? "", lease.StoreSequence, LeaseRecord.NodeOf(attribute),
            lease.ToLease(),
            attribute.Secondary ?? ImmutableSortedDictionary<string, string>.Empty, attribute.ReleasedAt is not null,
            [.. users[address].Select(u => u.Name)]);
    }

    private static IEnumerable<AuditFinding> FindingsOf(AuditedAddress address, ILookup<IPAddress, AuditedEndpoint> users,
        ImmutableHashSet<string> nodes)
    {
        var usedBy = users[address.Address].ToImmutableArray();
        var lease = address.Lease;
        if (usedBy.Length > 1)
        {
            yield return Finding(AuditProblem.UsedTwice, address, $"used by {string.Join(" and ", usedBy.Select(u => u.Name))}");
        }

        if (lease.BoundTo is { } bound && usedBy.Any(u => u.Id is not null && u.Id != bound))
        {
            yield return Finding(AuditProblem.BoundElsewhere, address, $"bound to {bound}, used by {usedBy[0].Name}");
        }

        if (!usedBy.IsEmpty || address.IsCooling || address.Handle == AllocationBlock.WindowsReservedHandle)
        {
            yield break;
        }

        // Reserve, network's or scheduler's: whatever it is for, it is the node's that took it.
        if (address.Node is { } node && !nodes.Contains(node))
        {
            yield return Finding(AuditProblem.Leaked, address,
                $"handle \"{address.Handle}\" ({(address.IsReserve ? "reserve" : lease.Purpose)}) has it on node {node}, which does not "
                    + "exist");
            yield break;
        }

        if (address.IsReserve)
        {
            yield break;
        }

        if (lease.BoundTo is { } missing)
        {
            yield return Finding(AuditProblem.EndpointMissing, address, $"bound to {missing}, which is not known");
        }
        else if (lease.Purpose == LeasePurpose.Foreign && lease.Adapter.Length == 0)
        {
            yield return Finding(AuditProblem.Leaked, address, $"handle \"{address.Handle}\" has it and nothing uses it");
        }
    }

    private static IEnumerable<AuditFinding> Unallocated(IpamSnapshot snapshot, ImmutableArray<AuditedAddress> addresses,
        ILookup<IPAddress, AuditedEndpoint> users)
    {
        var allocated = addresses.Where(a => !a.IsCooling).Select(a => a.Address).ToHashSet();
        foreach (var use in users.Where(u => !allocated.Contains(u.Key)))
        {
            var isInPool = snapshot.Pools.Any(p => p.Cidr.Contains(use.Key));
            yield return new(isInPool ? AuditProblem.NotAllocated : AuditProblem.OutsidePools, use.Key.ToString(),
                $"used by {string.Join(", ", use.Select(u => u.Name))}, {(isInPool ? "not allocated" : "in no pool")}", use.Key);
        }
    }

    private static IEnumerable<AuditFinding> Handles(IpamSnapshot snapshot)
    {
        var counted = snapshot.Blocks
            .SelectMany(b => b.AllocatedOrdinals.Select(o => b.AttributeOf(o)!.HandleId).OfType<string>()
                .Where(h => h != AllocationBlock.WindowsReservedHandle).Select(h => (Handle: h, Block: b.Cidr.ToString())))
            .CountBy(h => h).ToDictionary();
        var stored = snapshot.Handles
            .SelectMany(h => h.Value.Block.Select(b => KeyValuePair.Create((Handle: h.Key, Block: b.Key), b.Value))).ToDictionary();
        foreach (var key in counted.Keys.Union(stored.Keys).Order())
        {
            var (inBlock, inHandle) = (counted.GetValueOrDefault(key), stored.GetValueOrDefault(key));
            if (inBlock != inHandle)
            {
                yield return new(AuditProblem.HandleDisagrees, key.Handle,
                    $"block {key.Block} has {inBlock} addresses of it, the handle says {inHandle}");
            }
        }
    }

    private static IEnumerable<AuditFinding> Affinities(IpamSnapshot snapshot)
    {
        var blocks = snapshot.Blocks.ToDictionary(b => b.Cidr);
        foreach (var (owner, cidr) in snapshot.Affinities)
        {
            if (blocks.GetValueOrDefault(cidr)?.Affinity != owner.Text)
            {
                yield return new(AuditProblem.AffinityDisagrees, cidr.ToString(),
                    $"{owner.Text} has an affinity to it, the "
                        + $"block {(blocks.TryGetValue(cidr, out var b) ? $"says {b.Affinity ?? "none"}" : "does not exist")}");
            }
        }

        foreach (var block in snapshot.Blocks)
        {
            if (AffinityOwner.Parse(block.Affinity) is { } owner && !snapshot.Affinities.Contains((owner, block.Cidr)))
            {
                yield return new(AuditProblem.AffinityDisagrees, block.Cidr.ToString(),
                    $"the block says {owner.Text}, which has no affinity to it");
            }
        }
    }

    private static IEnumerable<AuditFinding> Overlaps(IpamSnapshot snapshot)
    {
        var widest = default(Cidr?);
        foreach (var block in snapshot.Blocks.Select(b => b.Cidr).Order())
        {
            if (widest is { } before && before.Contains(block))
            {
                yield return new(AuditProblem.BlocksOverlap, block.ToString(),
                    $"it lies in block {before}: an address of both can be given twice");
            }
            else
            {
                widest = block;
            }
        }
    }

    private static AuditFinding Finding(AuditProblem problem, AuditedAddress address, string detail) =>
        new(problem, address.Address.ToString(), detail, address.Address);
}
