using System.Collections.Immutable;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Ipam;

namespace Calico.Cli.Commands.Resources;

/// <summary>Finds who uses a resource that is to be deleted.</summary>
/// <param name="environment">Where the host of this machine is.</param>
/// <param name="session">The store.</param>
/// <param name="targets">What goes in the same run; it uses nothing any more.</param>
/// <remarks>Looked at before the deletion, not in its transaction: who begins to use it in between is not seen. Kinds that others
/// choose by selectors (network sets, labels) have no users here: that a selector matches one less is what selectors are for.</remarks>
internal sealed class ResourceUsers(CliEnvironment environment, CliSession session, ImmutableArray<ResourceKey> targets)
{
    private readonly ImmutableHashSet<ResourceKey> _going = [.. targets];

    /// <summary>Who uses it; null: nobody.</summary>
    internal async Task<ResourceUse?> FindAsync(ResourceKey key, CancellationToken ct)
    {
        var use = key switch
        {
            _ when Kinds.Profile.Owns(key) => await OfProfileAsync(key.Name, ct),
            _ when Kinds.IpPool.Owns(key) => await OfPoolAsync(key, ct),
            _ when Kinds.Node.Owns(key) => await OfNodeAsync(key.Name, ct),
            _ when Kinds.Tier.Owns(key) => new(await InTierAsync(key.Name, ct), "policy|policies", "is refused while they are in it",
                "calicoctl get globalnetworkpolicies -o wide, and get networkpolicies -A -o wide", CanForce: false),
            _ when Kinds.BgpFilter.Owns(key) =>
                new(await NamingAsync(Kinds.BgpPeer, peer => peer.Filters?.Contains(key.Name) == true, ct), "BGP peer|BGP peers",
                "leaves them without it", "calicoctl get bgppeers -o yaml"),
            _ when Kinds.WorkloadEndpoint.Owns(key) => await OfEndpointAsync(key, ct),
            _ => null,
        };
        return use is { Users.IsEmpty: false } ? use : null;
    }

    private async Task<ResourceUse> OfProfileAsync(string name, CancellationToken ct)
    {
        var endpoints = (await EndpointsAsync(ct)).Where(endpoint => endpoint.Spec.Profiles?.Contains(name) == true)
            .Select(EndpointName.Of);
        var hosts = await NamingAsync(Kinds.HostEndpoint, host => host.Profiles?.Contains(name) == true, ct);
        return new([.. endpoints, .. hosts], "endpoint|endpoints", "drops all their traffic", "calicoctl get wep -A -o wide");
    }

    private async Task<ResourceUse?> OfPoolAsync(ResourceKey key, CancellationToken ct)
    {
        if (!Kinds.IpPool.TryRead(await session.Client.FindAsync(key, ct), out var pool) || !Cidr.TryParse(pool.Spec.Cidr, out var range))
        {
            return null;
        }

        var endpoints = (await EndpointsAsync(ct)).SelectMany(
            endpoint => AuditedEndpoints.Parse(endpoint.Spec.IpNetworks ?? []),
                (endpoint, address) => (address, name: EndpointName.Of(endpoint)));
        var tunnels = (await AuditedEndpoints.OfTunnelsAsync(session.Client, ct)).SelectMany(tunnel => tunnel.Addresses,
            (tunnel, address) => (address, name: tunnel.Name));
        var snapshot = await IpamSnapshot.ReadAsync(session.Store, null, ct);
        // The blocks are asked, not the pool's bounds: one that an earlier pool left may reach over them.
        var assigned = IpamReport.Of(snapshot, []).Addresses.Where(found => found is { IsCooling: false, IsReserve: false })
            .Select(found => (address: found.Address, name: $"handle {found.Handle}"));
        var users = endpoints.Concat(tunnels).Concat(assigned).Where(user => range.Overlaps(Cidr.From(user.address)))
            .DistinctBy(user => user.address).Select(user => $"{user.address} ({user.name})");
        return new([.. users], "address|addresses", "lets them be given out again while they are in use",
            $"calicoctl ipam show --show-blocks; to give out no more of it: calicoctl patch ippool {key.Name} -p '{{\"spec\":{{\"disabled\":true}}}}'");
    }

    private async Task<ResourceUse> OfNodeAsync(string name, CancellationToken ct)
    {
        var endpoints = (await EndpointsAsync(ct)).Where(endpoint => endpoint.Spec.Node == name).Select(EndpointName.Of);
        var peers = await NamingAsync(Kinds.BgpPeer, peer => peer.Node == name, ct);
        var hosts = await NamingAsync(Kinds.HostEndpoint, host => host.Node == name, ct);
        return new([.. endpoints, .. peers, .. hosts, .. await LivesHereAsync(name, ct)], "thing|things",
            "frees the addresses of its containers while they run", $"calicoctl get wep -A -o wide; stop calico-host on {name} first");
    }

    private async Task<ResourceUse?> OfEndpointAsync(ResourceKey key, CancellationToken ct)
    {
        if (!Kinds.WorkloadEndpoint.TryRead(await session.Client.FindAsync(key, ct), out var endpoint)
            || (await HostView.ReadAsync(environment, ct)).StateOf(endpoint) is not { } state)
        {
            return null;
        }

        return new([$"a container of this node ({state.Id}, {state.State})"], "running workload|running workloads",
            "lets other nodes drop its traffic until the host writes it again",
            "calicoctl status -o endpoints; remove the container with its runtime");
    }

    // The host of this machine answers for its own node; that another one lives is what its heartbeat says.
    private async Task<ImmutableArray<string>> LivesHereAsync(string node, CancellationToken ct) =>
        (await HostView.ReadAsync(environment, ct)).Node == node ? [$"the calico-host that runs on this machine as {node}"] : [];

    private async Task<IEnumerable<Resource<WorkloadEndpointSpec>>> EndpointsAsync(CancellationToken ct) =>
        (await session.Client.ListAsync(Kinds.WorkloadEndpoint, "", ct)).Items
            .Where(item => !_going.Contains(Kinds.WorkloadEndpoint.KeyOf(item)));

    private async Task<ImmutableArray<string>> NamingAsync<TSpec>(ResourceKind<TSpec> kind, Func<TSpec, bool> names, CancellationToken ct)
        where TSpec : class, new() =>
        [.. (await session.Client.ListAsync(kind, "", ct)).Items.Where(item => names(item.Spec)).Select(kind.KeyOf)
            .Where(key => !_going.Contains(key)).Select(key => key.ToString())];

    private async Task<ImmutableArray<string>> InTierAsync(string tier, CancellationToken ct)
    {
        var found = ImmutableArray.CreateBuilder<string>();
        foreach (var kind in Kinds.InTiers)
        {
            found.AddRange((await session.Client.ListAsync(kind, "", ct)).Items.Where(item => item.As<IPolicySpec>()?.Tier == tier)
                .Select(kind.KeyOf).Where(key => !_going.Contains(key)).Select(key => key.ToString()));
        }

        return found.ToImmutable();
    }
}
