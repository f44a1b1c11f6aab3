using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;

namespace Calico.Ipam;

/// <summary>Who uses addresses, by the store: workload endpoints and tunnels, those of every node.</summary>
public static class AuditedEndpoints
{
    /// <summary>Workload endpoints.</summary>
    public static async Task<ImmutableArray<AuditedEndpoint>> OfWorkloadsAsync(ResourceClient client, CancellationToken ct) =>
        [.. (await client.ListAsync(Kinds.WorkloadEndpoint, "", ct)).Items.Select(endpoint => new AuditedEndpoint(
            $"WorkloadEndpoint {endpoint.Metadata.Namespace}/{endpoint.Metadata.Name} on node {endpoint.Spec.Node}",
            endpoint.Spec.Node ?? "",
            Parse(endpoint.Spec.IpNetworks ?? []),
            EndpointIdentity.Of(endpoint)))];

    /// <summary>The nodes' own tunnels.</summary>
    public static async Task<ImmutableArray<AuditedEndpoint>> OfTunnelsAsync(ResourceClient client, CancellationToken ct) =>
        [.. (await client.ListAsync(Kinds.Node, "", ct)).Items.Select(node => new AuditedEndpoint(
            $"tunnel of node {node.Metadata.Name}",
            node.Metadata.Name,
            Parse(
            [
                node.Spec.Bgp?.Ipv4IpipTunnelAddress, node.Spec.Ipv4VxlanTunnelAddress, node.Spec.Ipv6VxlanTunnelAddress,
                node.Spec.Wireguard?.InterfaceIpv4Address, node.Spec.Wireguard?.InterfaceIpv6Address,
            ])))];

    /// <summary>Addresses, each once: one may serve two kinds of tunnel. What is no address is left out.</summary>
    public static ImmutableArray<IPAddress> Parse(IEnumerable<string?> texts) =>
        [.. texts.Select(text => text is { Length: > 0 } && AddressText.TryParse(text, out var address, out _) ? address : null)
            .OfType<IPAddress>().Distinct()];
}
