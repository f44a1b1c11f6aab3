using System.Collections.Concurrent;
using System.Collections.Immutable;
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

    /// <summary>Ranges that were asked for, until the network comes, which names its subnets without them.</summary>
    private readonly ConcurrentDictionary<(string Space, IPNetwork Pool), PoolId> _asked = new();

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
        Refuse(pool, range, await ipam.ListPoolsAsync(ct));
        var id = new PoolId(space, pool, range);
        _asked[(space, pool)] = id;
        var gateway = (id.IsIpv6 ? AnyIpv6 : AnyIpv4).ToString();
        return new(id.ToString(), pool.ToString(), ImmutableSortedDictionary<string, string>.Empty.Add(GatewayKey, gateway));
    }

    /// <summary>Nothing is held for a pool.</summary>
    public static Task<Done> ReleaseAsync(PoolRelease request, CancellationToken ct)
    {
        _ = (PoolId.Parse(request.PoolId), ct);
        return Task.FromResult(Done.Answer);
    }

    /// <summary>The pool's id, as it was answered; after a restart in between without its range.</summary>
    public string IdOf(NetworkPool pool)
    {
        var (space, subnet) = (pool.AddressSpace!, Fields.Range(pool.Pool ?? "", "Pool"));
        return (_asked.TryRemove((space, subnet), out var asked) ? asked : new(space, subnet, null)).ToString();
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
