using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Docker.Addresses;
using Calico.Plugins.Docker.Protocol;
using Calico.Plugins.Docker.Serving;

namespace Calico.Plugins.Docker.Networks;

/// <summary>Networks come and go.</summary>
internal sealed class NetworkCalls(
    NetworkBook book, PoolCalls poolCalls, IIpam ipam, IProfiles profiles, IWorkloadNetwork workloads, IWorkloadDataplane dataplane,
    CallingProcess calling)
{
    /// <summary>dockerd may ask for the same network again.</summary>
    public async Task<Done> CreateAsync(NetworkRequest request, CancellationToken ct)
    {
        var id = Fields.Id(request.NetworkId, "NetworkID");
        var options = NetworkOptions.Read(request.Options);
        ImmutableArray<NetworkPool> given = [.. request.Ipv4 ?? [], .. request.Ipv6 ?? []];
        if (given.IsEmpty)
        {
            throw new CalicoException(Problem.Invalid, "the network has no subnet; --ipam-driver calico-ipam gives it one", "IPv4Data");
        }

        var ours = given.Count(p => AddressSpaces.IsOurs(p.AddressSpace));
        if (ours != 0 && ours != given.Length)
        {
            throw new CalicoException(Problem.Invalid, "the network's subnets are of two IPAM drivers", "AddressSpace");
        }

        if (ours == 0)
        {
            await RefusePoolsAsync(given, ct);
        }

        var poolIds = ImmutableArray.CreateBuilder<string>();
        foreach (var pool in ours == 0 ? [] : given)
        {
            poolIds.Add((await poolCalls.IdOfAsync(pool, ct)).ToString());
        }

        var profile = await profiles.EnsureAsync(id, DefaultsOf(options.IsInternal), ct);
        await TagAsync(id, given, ct);
        await book.PutAsync(new()
        {
            Id = id,
            Profile = profile,
            IsInternal = options.IsInternal,
            Mtu = options.Mtu,
            InterfacePrefix = options.InterfacePrefix,
            IgnoresLabels = options.IgnoresLabels,
            PoolIds = poolIds.ToImmutable(),
            Maker = calling.Current,
        }, ct);
        return Done.Answer;
    }

    /// <summary>Its addresses and pools were released before. What is not known is gone. dockerd deletes no network that has endpoints, so
    /// those that are left it has forgotten.</summary>
    public async Task<Done> DeleteAsync(NetworkName request, CancellationToken ct)
    {
        var id = Fields.Id(request.NetworkId, "NetworkID");
        foreach (var endpoint in (await workloads.ListAsync(null, ct)).Where(e => e.Network == id))
        {
            await dataplane.RemoveAsync(endpoint.Id, endpoint.Instance, ct);
        }

        await book.RemoveAsync(id, ct);
        calling.Forget(id);
        foreach (var lease in (await ipam.ListAsync(null, ct)).Where(l => l.Purpose == LeasePurpose.Network && l.Owner == id))
        {
            await ipam.ReleaseAsync(lease, ct);
        }

        await profiles.RemoveAsync(id, ct);
        return Done.Answer;
    }

    /// <summary>Its members' profile when nobody has written one.</summary>
    public static ProfileDefaults DefaultsOf(bool isInternal) => new(isInternal, ImmutableSortedDictionary<string, string>.Empty);

    /// <summary>Likewise, of a network that this node was not told of, or has forgotten: what stands is as internal as it was made; where
    /// nothing stands it is closed until dockerd has said what it is.</summary>
    public static ProfileDefaults DefaultsOfUnknown { get; } = DefaultsOf(isInternal: true) with { KeepsInternal = true };

    /// <summary>A subnet of another IPAM that overlaps a pool would give an address twice.</summary>
    private async Task RefusePoolsAsync(ImmutableArray<NetworkPool> given, CancellationToken ct)
    {
        foreach (var subnet in given.Select(p => Fields.Range(p.Pool ?? "", "Pool")))
        {
            var pools = await ipam.ListPoolsAsync(ct);
            if (pools.FirstOrDefault(p => PoolId.Contains(p.Cidr, subnet) || PoolId.Contains(subnet, p.Cidr)) is { } pool)
            {
                throw new CalicoException(Problem.Invalid,
                    $"subnet {subnet} is of another IPAM driver and overlaps IP pool '{pool.Name}' ({pool.Cidr}): "
                    + "say --ipam-driver calico-ipam, or take a --subnet outside the pools", "Pool");
            }
        }
    }

    /// <summary>Auxiliary addresses came as if they were endpoints'. From now on they are the network's; no endpoint gets one.</summary>
    private async Task TagAsync(string id, ImmutableArray<NetworkPool> given, CancellationToken ct)
    {
        foreach (var pool in given.Where(p => AddressSpaces.IsOurs(p.AddressSpace)))
        {
            foreach (var address in (pool.AuxAddresses?.Values ?? []).Select(a => Fields.Address(a, "AuxAddresses")))
            {
                await TagAsync(id, address, ct);
            }
        }
    }

    private async Task TagAsync(string id, IPAddress address, CancellationToken ct)
    {
        if (await ipam.FindOwnAsync(address, ct) is { Purpose: LeasePurpose.Foreign, BoundTo: null } lease)
        {
            await ipam.ReleaseAsync(lease, ct);
        }

        var handle = $"docker-network.{id}.{address}";
        await ipam.ClaimAsync(new() { Handle = handle, Purpose = LeasePurpose.Network, Owner = id, Exact = [address] }, ct);
    }
}
