using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Calico.TestKit.Workloads;

/// <summary>Leases in memory, with the contract's rules.</summary>
internal sealed class FakeIpam(FakeDisk disk, FaultPlan faults, string adapter, TimeProvider time) : IIpam
{
    public Task<ImmutableArray<AddressLease>> ClaimAsync(AddressClaim claim, CancellationToken ct)
    {
        faults.Pass("ipam.claim");
        lock (disk.Lock)
        {
            return Task.FromResult(Claim(claim));
        }
    }

    public Task<AddressLease?> FindAsync(IPAddress address, CancellationToken ct)
    {
        faults.Pass("ipam.find");
        lock (disk.Lock)
        {
            return Task.FromResult(disk.Leases.GetValueOrDefault(address));
        }
    }

    public Task<ImmutableArray<AddressLease>> ListAsync(string? handle, CancellationToken ct)
    {
        faults.Pass("ipam.list");
        lock (disk.Lock)
        {
            return Task.FromResult(disk.Leases.Values.Where(l => l.Adapter == adapter && (handle is null || l.Handle == handle))
                .ToImmutableArray());
        }
    }

    public Task<ReleaseOutcome> ReleaseAsync(AddressLease lease, CancellationToken ct)
    {
        faults.Pass("ipam.release");
        lock (disk.Lock)
        {
            if (!disk.Leases.TryGetValue(lease.Address, out var current))
            {
                return Task.FromResult(ReleaseOutcome.AlreadyFree);
            }

            if (current.Adapter != adapter || current.Sequence != lease.Sequence)
            {
                return Task.FromResult(ReleaseOutcome.NotYours);
            }

            if (current.BoundTo is not null)
            {
                return Task.FromResult(ReleaseOutcome.Deferred);
            }

            Free(current);
            return Task.FromResult(ReleaseOutcome.Released);
        }
    }

    public Task<ImmutableArray<AddressPool>> ListPoolsAsync(CancellationToken ct)
    {
        faults.Pass("ipam.pools");
        lock (disk.Lock)
        {
            return Task.FromResult(disk.Pools);
        }
    }

    /// <summary>Under the disk's lock.</summary>
    internal ImmutableArray<AddressLease> Claim(AddressClaim claim)
    {
        var held = disk.Leases.Values.Where(l => l.Handle == claim.Handle && l.Adapter == adapter).ToImmutableArray();
        if (!held.IsEmpty && claim.Exact.All(a => held.Any(l => l.Address.Equals(a))))
        {
            return Sorted(held);
        }

        foreach (var pool in claim.Pools)
        {
            if (!disk.Pools.Any(p => p.Name == pool || p.Cidr.ToString() == pool))
            {
                throw new CalicoException(Problem.NotFound, $"the given pool ({pool}) does not exist, or is not enabled", "pools");
            }
        }

        var wanted = claim.Exact.IsEmpty
            ? Pick(claim, AddressFamily.InterNetwork, claim.Ipv4).Concat(Pick(claim, AddressFamily.InterNetworkV6, claim.Ipv6)).ToArray()
            : [.. claim.Exact];
        foreach (var address in claim.Exact)
        {
            if (!disk.Pools.Any(p => p.Cidr.Contains(address)))
            {
                throw new CalicoException(Problem.Invalid, $"{address} is in no pool", "IP");
            }

            if (disk.Leases.TryGetValue(address, out var other) && !MayBeGrantedAgain(other, claim))
            {
                throw new CalicoException(Problem.AlreadyExists, $"{address} is held by {other.Handle}");
            }
        }

        if (!disk.StoreIsAlive)
        {
            var fresh = wanted.Count(a => disk.Journal.All(j => !j.Address.Equals(a)));
            if (fresh > disk.Parked)
            {
                throw new CalicoException(Problem.Unavailable, "the store does not answer and no parked address is left");
            }

            disk.Parked -= fresh;
        }

        foreach (var address in wanted)
        {
            disk.Journal.RemoveAll(j => j.Address.Equals(address));
            disk.Leases[address] = new AddressLease(address, claim.Handle, claim.Purpose, adapter, claim.Owner,
                disk.NextSequence++, null, time.GetUtcNow());
        }

        return Sorted(wanted.Select(a => disk.Leases[a]));
    }

    /// <summary>Under the disk's lock. A release that the store cannot hear of is journalled.</summary>
    internal void Free(AddressLease lease)
    {
        disk.Leases.Remove(lease.Address);
        if (!disk.StoreIsAlive)
        {
            disk.Journal.Add(lease);
        }
    }

    private bool MayBeGrantedAgain(AddressLease lease, AddressClaim claim) => lease.BoundTo is null && lease.Adapter == adapter
        && (lease.Purpose is LeasePurpose.Endpoint or LeasePurpose.Scheduler || lease.Purpose == LeasePurpose.Network
            && lease.Owner == claim.Owner);

    private IEnumerable<IPAddress> Pick(AddressClaim claim, AddressFamily family, int count)
    {
        if (count == 0)
        {
            yield break;
        }

        var found = 0;
        foreach (var pool in disk.Pools.Where(p => !p.Disabled && p.Cidr.BaseAddress.AddressFamily == family
            && (claim.Pools.IsEmpty || claim.Pools.Contains(p.Name) || claim.Pools.Contains(p.Cidr.ToString()))))
        {
            var bits = pool.Cidr.BaseAddress.GetAddressBytes().Length * 8;
            var size = 1 << Math.Min(bits - pool.Cidr.PrefixLength, 16);
            for (var ordinal = 0; ordinal < size && found < count; ordinal++)
            {
                var address = At(pool.Cidr.BaseAddress, ordinal);
                if (disk.Leases.ContainsKey(address) || claim.Within is { } within && !within.Contains(address))
                {
                    continue;
                }

                found++;
                yield return address;
            }
        }

        if (found < count)
        {
            var name = family == AddressFamily.InterNetwork ? "IPv4" : "IPv6";
            var text = string.Create(CultureInfo.InvariantCulture, $"Assigned {found} out of {count} requested {name} addresses");
            throw new CalicoException(Problem.Exhausted, text);
        }
    }

    private static IPAddress At(IPAddress start, int ordinal)
    {
        var bytes = start.GetAddressBytes();
        for (var i = bytes.Length - 1; i >= 0 && ordinal > 0; i--)
        {
            ordinal += bytes[i];
            bytes[i] = (byte)ordinal;
            ordinal >>= 8;
        }

        return new IPAddress(bytes);
    }

    private static ImmutableArray<AddressLease> Sorted(IEnumerable<AddressLease> leases) =>
        [.. leases.OrderBy(l => l.Address.AddressFamily == AddressFamily.InterNetwork ? 0 : 1)
            .ThenBy(l => Convert.ToHexString(l.Address.GetAddressBytes()), StringComparer.Ordinal)];
}
