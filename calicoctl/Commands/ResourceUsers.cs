using System.Collections.Immutable;
using System.Text.Json;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Ipam;

namespace Calico.Cli.Commands;

/// <summary>Finds who uses a resource that is to be deleted.</summary>
/// <param name="environment">Where the host of this machine is.</param>
/// <param name="session">The store.</param>
/// <param name="targets">What goes in the same run; it uses nothing any more.</param>
/// <remarks>Looked at before the deletion, not in its transaction: who begins to use it in between is not seen. Kinds that others
/// choose by selectors (network sets, labels) have no users here: that a selector matches one less is what selectors are for.</remarks>
internal sealed class ResourceUsers(CliEnvironment environment, CliSession session, ImmutableArray<ResourceKey> targets)
{
    private static readonly string[] PolicyKinds = ["NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"];

    private readonly ImmutableHashSet<ResourceKey> _going = [.. targets];

    /// <summary>Who uses it; null: nobody.</summary>
    internal async Task<ResourceUse?> FindAsync(ResourceKey key, CancellationToken ct)
    {
        var use = key.Kind switch
        {
            "Profile" => await OfProfileAsync(key.Name, ct),
            "IPPool" => await OfPoolAsync(key, ct),
            "Node" => await OfNodeAsync(key.Name, ct),
            "Tier" => new(await NamingAsync(PolicyKinds, spec => Text(spec, "tier") == key.Name, ct), "policy|policies", "is refused while they are in it",
                "calicoctl get globalnetworkpolicies -o wide, and get networkpolicies -A -o wide", CanForce: false),
            "BGPFilter" => new(await NamingAsync(["BGPPeer"], spec => Texts(spec, "filters").Contains(key.Name), ct), "BGP peer|BGP peers",
                "leaves them without it", "calicoctl get bgppeers -o yaml"),
            "WorkloadEndpoint" => await OfEndpointAsync(key, ct),
            _ => null,
        };
        return use is { Users.IsEmpty: false } ? use : null;
    }

    private async Task<ResourceUse> OfProfileAsync(string name, CancellationToken ct)
    {
        var endpoints = (await EndpointsAsync(ct)).Where(endpoint => endpoint.Spec.Profiles?.Contains(name) == true).Select(EndpointName.Of);
        var hosts = await NamingAsync(["HostEndpoint"], spec => Texts(spec, "profiles").Contains(name), ct);
        return new([.. endpoints, .. hosts], "endpoint|endpoints", "drops all their traffic", "calicoctl get wep -A -o wide");
    }

    private async Task<ResourceUse?> OfPoolAsync(ResourceKey key, CancellationToken ct)
    {
        if (await session.Client.FindAsync(key, ct) is not Resource<IpPoolSpec> pool || !Cidr.TryParse(pool.Spec.Cidr, out var range))
        {
            return null;
        }

        var endpoints = (await EndpointsAsync(ct)).SelectMany(
            endpoint => AuditedEndpoints.Parse(endpoint.Spec.IpNetworks ?? []), (endpoint, address) => (address, name: EndpointName.Of(endpoint)));
        var tunnels = (await AuditedEndpoints.OfTunnelsAsync(session.Client, ct)).SelectMany(tunnel => tunnel.Addresses, (tunnel, address) => (address, name: tunnel.Name));
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
        var peers = await NamingAsync(["BGPPeer", "HostEndpoint"], spec => Text(spec, "node") == name, ct);
        return new([.. endpoints, .. peers, .. await LivesHereAsync(name, ct)], "thing|things",
            "frees the addresses of its containers while they run", $"calicoctl get wep -A -o wide; stop calico-host on {name} first");
    }

    private async Task<ResourceUse?> OfEndpointAsync(ResourceKey key, CancellationToken ct)
    {
        if (await session.Client.FindAsync(key, ct) is not Resource<WorkloadEndpointSpec> endpoint
            || (await HostView.ReadAsync(environment, ct)).StateOf(endpoint) is not { } state)
        {
            return null;
        }

        return new([$"a container of this node ({state.Id}, {state.State})"], "running workload|running workloads", "lets other nodes drop its traffic until the host writes it again",
            "calicoctl status -o endpoints; remove the container with its runtime");
    }

    // The host of this machine answers for its own node; that another one lives is what its heartbeat says.
    private async Task<ImmutableArray<string>> LivesHereAsync(string node, CancellationToken ct) =>
        (await HostView.ReadAsync(environment, ct)).Node == node ? [$"the calico-host that runs on this machine as {node}"] : [];

    private async Task<IEnumerable<Resource<WorkloadEndpointSpec>>> EndpointsAsync(CancellationToken ct)
    {
        var kind = session.Client.Kinds["WorkloadEndpoint"];
        return (await session.Client.ListAsync(kind.Name, "", ct)).Items.OfType<Resource<WorkloadEndpointSpec>>().Where(item => !_going.Contains(kind.KeyOf(item)));
    }

    private async Task<ImmutableArray<string>> NamingAsync(string[] kinds, Func<JsonElement, bool> names, CancellationToken ct)
    {
        var found = ImmutableArray.CreateBuilder<string>();
        foreach (var kind in kinds.Select(name => session.Client.Kinds[name]))
        {
            foreach (var item in (await session.Client.ListAsync(kind.Name, "", ct)).Items.Where(item => !_going.Contains(kind.KeyOf(item))))
            {
                if (kind.ToJson(item).TryGetProperty("spec", out var spec) && spec.ValueKind == JsonValueKind.Object && names(spec))
                {
                    found.Add(kind.KeyOf(item).ToString());
                }
            }
        }

        return found.ToImmutable();
    }

    private static string? Text(JsonElement spec, string name) =>
        spec.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static IEnumerable<string?> Texts(JsonElement spec, string name) =>
        spec.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
            ? value.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()) : [];
}
