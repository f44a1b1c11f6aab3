using System.Collections.Immutable;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>A node takes everything with it that only it had.</summary>
internal sealed class NodeClientRules : ClientRules
{
    public override Task<WriteGuard> GuardDeleteAsync(ResourceClient client, Resource old, CancellationToken ct) =>
        NodeHeartbeat.RefuseAliveAsync(client.Store, old.Metadata.Name, ct);

    public override async Task BeforeDeleteAsync(ResourceClient client, Resource old, CancellationToken ct)
    {
        var (name, node) = (old.Metadata.Name, (Resource<NodeSpec>)old);
        var endpoints = (await client.ListAsync("WorkloadEndpoint", "", ct)).Items.OfType<Resource<WorkloadEndpointSpec>>()
            .Where(endpoint => endpoint.Spec.Node == name).ToImmutableArray();
        if (client.Addresses is { } addresses)
        {
            await addresses.ReleaseAddressesAsync(
                [.. endpoints.SelectMany(endpoint => endpoint.Spec.IpNetworks ?? []).Concat(TunnelAddresses(node.Spec)).Select(Address)], ct);
        }

        foreach (var endpoint in endpoints)
        {
            await DeleteIfThereAsync(client, new("WorkloadEndpoint", endpoint.Metadata.Namespace ?? "", endpoint.Metadata.Name), ct);
        }

        if (client.Addresses is { } owner)
        {
            await owner.ReleaseNodeAsync(name, ct);
        }

        await DeleteNamingNodeAsync(client, "BGPPeer", name, ct);
        await DeleteIfThereAsync(client, new("FelixConfiguration", "", $"node.{name}"), ct);
        await DeleteIfThereAsync(client, new("BGPConfiguration", "", $"node.{name}"), ct);
        await DeleteNamingNodeAsync(client, "HostEndpoint", name, ct);
    }

    private static async Task DeleteNamingNodeAsync(ResourceClient client, string kindName, string node, CancellationToken ct)
    {
        var kind = client.Kinds[kindName];
        foreach (var resource in (await client.ListAsync(kindName, "", ct)).Items)
        {
            if (new JsonObjectView(kind.ToJson(resource), "").Object("spec").Text("node") == node)
            {
                await DeleteIfThereAsync(client, kind.KeyOf(resource), ct);
            }
        }
    }

    private static async Task DeleteIfThereAsync(ResourceClient client, ResourceKey key, CancellationToken ct)
    {
        try
        {
            await client.DeleteAsync(key, null, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.NotFound)
        {
            // Somebody else was quicker, or it was never there.
        }
    }

    private static IEnumerable<string> TunnelAddresses(NodeSpec node) =>
        new[]
        {
            node.Bgp?.Ipv4IpipTunnelAddress, node.Ipv4VxlanTunnelAddress, node.Ipv6VxlanTunnelAddress, node.Wireguard?.InterfaceIpv4Address,
            node.Wireguard?.InterfaceIpv6Address,
        }.OfType<string>().Where(address => address.Length > 0);

    private static string Address(string network) => network.Split('/')[0];
}
