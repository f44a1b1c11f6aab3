using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Calico.Plugins.Docker.Protocol;

namespace Calico.Plugins.Docker.Addresses;

/// <summary>Which addresses a network may take.</summary>
internal sealed class PoolCalls(IIpam ipam)
{
    /// <summary>A gateway that is none: dockerd then asks for no address for it.</summary>
    private const string GatewayKey = "com.docker.network.gateway";

    private static readonly IPNetwork AnyIpv4 = new(IPAddress.Any, 0);
    private static readonly IPNetwork AnyIpv6 = new(IPAddress.IPv6Any, 0);

    /// <summary>Pools that a gateway of the user's was asked for in, until the network comes, which names its subnets without their
    /// ranges.</summary>
    private readonly ConcurrentDictionary<(string Space, IPNetwork Pool, IPAddress Gateway), PoolId> _asked = new();

    /// <summary>Without a subnet the answer is everything: for any other dockerd looks whether it overlaps the host's routes, and those of
    /// our own pools do; it would ask again for ever.</summary>
    public async Task<PoolAnswer> RequestAsync(PoolRequest request, CancellationToken ct)
    {
        var space = AddressSpaces.IsOurs(request.AddressSpace)
            ? request.AddressSpace!
            : throw new CalicoException(Problem.Invalid, $"'{request.AddressSpace}' is no address space of this driver", "AddressSpace");
        if (request.Options is { Count: > 0 } options)
        {
            var names = string.Join(", ", options.Keys);
            throw new CalicoException(Problem.Unsupported, $"the Calico IPAM driver does not know {names}", "--ipam-opt");
        }

        var pool = string.IsNullOrEmpty(request.Pool) ? request.V6 ? AnyIpv6 : AnyIpv4 : Fields.Range(request.Pool, "--subnet");
        IPNetwork? range = string.IsNullOrEmpty(request.SubPool) ? null : Fields.Range(request.SubPool, "--ip-range");
        range = range.Equals(pool) ? null : range;
        Refuse(pool, range, await ipam.ListPoolsAsync(ct));
        var id = new PoolId(space, pool, range);
        // The gateway is the one thing that CreateNetwork brings back: two networks of one subnet are told apart by it, in any order.
        var gateway = (range ?? (id.IsIpv6 ? AnyIpv6 : AnyIpv4)).ToString();
        return new(id.ToString(), pool.ToString(), ImmutableSortedDictionary<string, string>.Empty.Add(GatewayKey, gateway));
    }

    /// <summary>Nothing is held for a pool. Its network goes, or does not come.</summary>
    public Task<Done> ReleaseAsync(PoolRelease request, CancellationToken ct)
    {
        _ = ct;
        var pool = PoolId.Parse(request.PoolId);
        foreach (var asked in _asked.Where(a => a.Value == pool))
        {
            _asked.TryRemove(asked);
        }

        return Task.FromResult(Done.Answer);
    }

    /// <summary>The user named a gateway, so the pool's own range does not come back with the network.</summary>
    public void NoteGateway(PoolId pool, IPAddress gateway) => _asked[(pool.Space, pool.Pool, gateway)] = pool;

    /// <summary>The pool's id, as it was answered: by the gateway, which is the user's or says the range.</summary>
    public async Task<PoolId> IdOfAsync(NetworkPool pool, CancellationToken ct)
    {
        var (space, subnet) = (pool.AddressSpace!, Fields.Range(pool.Pool ?? "", "Pool"));
        var whole = new PoolId(space, subnet, null);
        if (!TryGateway(pool.Gateway, subnet, out var gateway, out var length))
        {
            return whole;
        }

        if (_asked.TryRemove((space, subnet, gateway), out var asked))
        {
            return asked;
        }

        // Asked for by a former process: the lease tells.
        if (await ipam.FindOwnAsync(gateway, ct) is { Purpose: LeasePurpose.Network } lease && AskedLease.IsGateway(lease))
        {
            return PoolId.Parse(lease.Owner);
        }

        return length > 0 && IPNetwork.TryParse($"{gateway}/{length}", out var range)
            && PoolId.Contains(subnet, range) && !range.Equals(subnet)
            ? whole with { Range = range }
            : whole;
    }

    private static bool TryGateway(string? text, IPNetwork subnet, [NotNullWhen(true)] out IPAddress? gateway, out int length)
    {
        length = 0;
        gateway = null;
        return text?.Split('/') is [var address, var bits] && IPAddress.TryParse(address, out gateway)
            && int.TryParse(bits, NumberStyles.None, CultureInfo.InvariantCulture, out length)
            && gateway.AddressFamily == subnet.BaseAddress.AddressFamily;
    }

    private static void Refuse(IPNetwork pool, IPNetwork? range, ImmutableArray<AddressPool> pools)
    {
        var family = pool.BaseAddress.AddressFamily;
        var called = family == AddressFamily.InterNetworkV6 ? "IPv6" : "IPv4";
        ImmutableArray<AddressPool> usable = [.. pools.Where(p => !p.Disabled && p.Cidr.BaseAddress.AddressFamily == family)];
        if (usable.IsEmpty)
        {
            throw new CalicoException(Problem.NotFound,
                $"there is no enabled {called} pool; calicoctl get ippools shows those there are", "--subnet");
        }

        if (pool.PrefixLength > 0 && !usable.Any(p => PoolId.Contains(p.Cidr, pool)))
        {
            var there = string.Join(", ", usable.Select(p => $"{p.Name} ({p.Cidr})"));
            throw new CalicoException(Problem.NotFound, $"{pool} is in no enabled {called} pool; these are there: {there}", "--subnet");
        }

        if (range is { } part && !PoolId.Contains(pool, part))
        {
            throw new CalicoException(Problem.Invalid, $"{part} is not inside {pool}", "--ip-range");
        }
    }
}
