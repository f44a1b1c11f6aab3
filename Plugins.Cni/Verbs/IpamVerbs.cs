using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Cni.Verbs;

/// <summary><c>calico-ipam</c> alone, under another network plugin: addresses that are claimed, never bound to an endpoint of ours.
/// </summary>
internal sealed class IpamVerbs(IIpam ipam, IpamRelease release, EndpointPlanner planner, PoolFamilies families, DelSpool spool)
{
    /// <returns>The result, and what frees the addresses that this call took.</returns>
    public async Task<(CniResult Result, Func<CancellationToken, Task>? Undo)> AddAsync(CniRequest request, CancellationToken ct)
    {
        var (call, configuration) = (request.Call, request.Configuration);
        configuration.Validate();
        await families.CheckAsync(call, configuration, ct);
        await spool.SettleAsync(call, ct);
        var asked = AnnotationRequest.Of(call, configuration);
        var claim = planner.ClaimFor(call, configuration, asked, LeasePurpose.Foreign);
        var before = (await ipam.ListAsync(claim.Handle, ct)).Select(l => (l.Address, l.Sequence)).ToHashSet();
        var leases = await ipam.ClaimAsync(claim, ct);
        if (leases.IsEmpty)
        {
            throw new CniException(CniCode.Calico, "IPAM plugin returned missing IP config");
        }

        var pools = await ipam.ListPoolsAsync(ct);
        var taken = leases.Where(l => !before.Contains((l.Address, l.Sequence))).ToList();
        return (new CniResult
        {
            Addresses = [.. leases.Select(l => new CniAddress(WithPrefix(l.Address, claim, pools), null, null))],
            Routes = configuration.Ipam.Routes.IsEmpty ? RoutesTo(leases, pools) : configuration.Ipam.Routes,
        }, taken.Count == 0 ? null : undoing => release.AllAsync(taken, undoing));
    }

    public Task DeleteAsync(CniRequest request, CancellationToken ct) =>
        release.OfContainerAsync(request.Call, request.Configuration.Name, ct);

    public async Task CheckAsync(CniRequest request, CancellationToken ct)
    {
        var (call, configuration) = (request.Call, request.Configuration);
        if (!configuration.Version.HasCheck)
        {
            throw new CniException(CniCode.IncompatibleVersion, "config version does not allow CHECK", configuration.Version.ToString());
        }

        configuration.Validate();
        var leases = await ipam.ListAsync(EndpointPlanner.HandleOf(configuration.Name, call.ContainerId), ct);
        var held = IpamRelease.Foreign(leases).Select(l => l.Address).ToHashSet();
        if (held.Count == 0)
        {
            throw new CniException(CniCode.UnknownContainer,
                $"container {call.ContainerId} holds no address in network {configuration.Name}");
        }
        // The network plugin may have added addresses that are not ours; ours must all still be in use.
        if (configuration.PreviousResult is { } previous
            && held.FirstOrDefault(a => previous.Addresses.All(p => !p.Address.Address.Equals(a))) is { } unused)
        {
            throw new CniException(CniCode.Calico, $"{unused} is held for container {call.ContainerId} but not in prevResult");
        }
    }

    public async Task CollectAsync(CniRequest request, CancellationToken ct)
    {
        var valid = GcVerb.ValidIn(request.Configuration)
            .SelectMany(a => new[] { EndpointPlanner.HandleOf(request.Configuration.Name, a.ContainerId),
                $"{request.Configuration.Name}.{a.ContainerId}" })
            .ToHashSet();
        var leases = await ipam.ListAsync(null, ct);
        await release.AllAsync(leases.Where(l => l.Owner == request.Configuration.Name && !valid.Contains(l.Handle)), ct);
    }

    /// <summary>An assigned address comes with its block's prefix length, a requested one whole, as upstream has it: what the network
    /// plugin puts on the link decides who it thinks its neighbours are.</summary>
    private static InterfaceAddress WithPrefix(IPAddress address, AddressClaim claim, ImmutableArray<AddressPool> pools) =>
        claim.Exact.Contains(address) || PoolOf(address, pools) is not { } pool
            ? InterfaceAddress.Host(address)
            : new InterfaceAddress(address, pool.BlockSize);

    private static ImmutableArray<CniRoute> RoutesTo(IEnumerable<AddressLease> leases, ImmutableArray<AddressPool> pools) =>
        [.. leases.Select(l => PoolOf(l.Address, pools)).OfType<AddressPool>().Distinct().Select(p => new CniRoute(p.Cidr, null))];

    private static AddressPool? PoolOf(IPAddress address, ImmutableArray<AddressPool> pools) =>
        pools.FirstOrDefault(p => p.Cidr.Contains(address));
}
