using System.Collections.Immutable;
using System.Net;
using Calico.Cli.Connection;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;

namespace Calico.Cli.Endpoints;

/// <summary>The hosts that the store knows of: by their Node, by their host endpoints.</summary>
/// <param name="environment">Where this machine's host may be asked.</param>
/// <param name="stored">Everything.</param>
internal sealed class StoredHosts(CliEnvironment environment, ImmutableArray<SyncUpdate> stored)
{
    private readonly ImmutableArray<Resource<HostEndpointSpec>> _endpoints = [.. EndpointsOf(stored)];
    private readonly ImmutableSortedDictionary<string, NodeSpec> _nodes = NodesOf(stored);
    private readonly Dictionary<string, HostPolicy> _policies = new(StringComparer.Ordinal);
    private HostLinks? _links;

    /// <summary>Nodes whose resource cannot be read, with the reason.</summary>
    internal ImmutableSortedDictionary<string, string> Unreadable { get; } = stored
        .Where(update => Kinds.Node.Owns(update.Key) && update.Error is not null)
        .ToImmutableSortedDictionary(update => update.Key.Name, update => update.Error!, StringComparer.Ordinal);

    /// <summary>A host endpoint by its name; null: there is none.</summary>
    internal Resource<HostEndpointSpec>? FindEndpoint(string name) => _endpoints.FirstOrDefault(endpoint => endpoint.Metadata.Name == name);

    /// <summary>Whether anything in the store is of such a node.</summary>
    internal bool Knows(string node) => _nodes.ContainsKey(node) || _endpoints.Any(endpoint => endpoint.Spec.Node == node);

    /// <summary>The node that has an address, by its Node, by what its host endpoints expect, or as this machine's host says; null: none
    /// has.</summary>
    internal async Task<string?> FindNodeAsync(Cidr address, CancellationToken ct) =>
        _nodes.Keys.FirstOrDefault(node => AddressesOf(node).Concat(FurtherAddressesOf(node)).Contains(address))
        ?? _endpoints.FirstOrDefault(endpoint => ExpectedOf(endpoint).Contains(address))?.Spec.Node
        ?? (await LinksAsync(ct) is { } own && (await OwnAddressesAsync(own.Node, ct)).Contains(address) ? own.Node : null);

    /// <summary>Addresses that a node's resource says it is reached by; empty: none, or there is no such node.</summary>
    internal IEnumerable<Cidr> AddressesOf(string node) => !_nodes.TryGetValue(node, out var spec) ? []
        : new[] { spec.Bgp?.Ipv4Address, spec.Bgp?.Ipv6Address }.Concat((spec.Addresses ?? []).Select(address => address.Address))
            .Select(Read).OfType<Cidr>();

    /// <summary>Those of its interfaces and tunnels.</summary>
    internal IEnumerable<Cidr> FurtherAddressesOf(string node) => !_nodes.TryGetValue(node, out var spec) ? []
        : (spec.Interfaces ?? []).SelectMany(link => link.Addresses ?? []).Concat(
            [
                spec.Bgp?.Ipv4IpipTunnelAddress, spec.Ipv4VxlanTunnelAddress, spec.Ipv6VxlanTunnelAddress,
                spec.Wireguard?.InterfaceIpv4Address, spec.Wireguard?.InterfaceIpv6Address,
            ]).Select(Read).OfType<Cidr>();

    /// <summary>Those that this machine's host says, where it is that node's; without loopback's and those of one link.</summary>
    internal async Task<ImmutableArray<Cidr>> OwnAddressesAsync(string node, CancellationToken ct) =>
        await LinksAsync(ct) is not { } links || links.Node != node ? []
            : [.. links.Interfaces.SelectMany(link => link.Addresses).Select(Read).OfType<Cidr>()
                .Where(address => address.FirstAddress() is var own && !IPAddress.IsLoopback(own) && !own.IsIPv6LinkLocal)];

    /// <summary>Addresses that a host endpoint expects.</summary>
    internal static IEnumerable<Cidr> ExpectedOf(Resource<HostEndpointSpec> endpoint) =>
        (endpoint.Spec.ExpectedIps ?? []).Select(Read).OfType<Cidr>();

    /// <summary>What judges a host: with its interfaces as it says itself, where it is this machine's.</summary>
    internal async Task<HostPolicy> PolicyOfAsync(string node, CancellationToken ct)
    {
        if (!_policies.TryGetValue(node, out var policy))
        {
            _policies.Add(node, policy = HostPolicy.Compile(stored, node, await InterfacesOfAsync(node, ct)));
        }

        return policy;
    }

    private async Task<Dictionary<string, ImmutableArray<Cidr>>?> InterfacesOfAsync(string node, CancellationToken ct) =>
        await LinksAsync(ct) is not { } links || links.Node != node ? null : links.Interfaces.ToDictionary(link => link.Name,
            link => link.Addresses.Select(Read).OfType<Cidr>().ToImmutableArray(), StringComparer.Ordinal);

    /// <summary>What this machine's host says of its interfaces, asked once; null: it cannot be asked.</summary>
    private async Task<HostLinks?> LinksAsync(CancellationToken ct)
    {
        try
        {
            _links ??= await HostClient.GetAsync(environment.HostSocket, "/interfaces", HostJson.Default.HostLinks, ct);
        }
        catch (CliException)
        {
            // No host here, or not for this user: the store is what there is.
            _links = new();
        }

        return _links.Node.Length == 0 ? null : _links;
    }

    /// <summary>Of what cannot be read, what is legible: it denies on its node all the same.</summary>
    private static IEnumerable<Resource<HostEndpointSpec>> EndpointsOf(ImmutableArray<SyncUpdate> stored)
    {
        foreach (var update in stored)
        {
            if (Kinds.HostEndpoint.TryRead(update.Value ?? update.Fragment, out var endpoint))
            {
                yield return endpoint;
            }
        }
    }

    private static ImmutableSortedDictionary<string, NodeSpec> NodesOf(ImmutableArray<SyncUpdate> stored)
    {
        var nodes = ImmutableSortedDictionary.CreateBuilder<string, NodeSpec>(StringComparer.Ordinal);
        foreach (var update in stored)
        {
            // Of what cannot be read, what is legible: an address that it says is that node's all the same.
            if (Kinds.Node.Owns(update.Key) && Kinds.Node.TryRead(update.Value ?? update.Fragment, out var node))
            {
                nodes[update.Key.Name] = node.Spec;
            }
        }

        return nodes.ToImmutable();
    }

    /// <summary>An address, with or without the length of its subnet; null: it is none.</summary>
    internal static Cidr? Read(string? text) => IPAddress.TryParse(text?.Split('/')[0], out var address)
        ? Cidr.From(new IPNetwork(address, address.GetAddressBytes().Length * 8)) : null;
}
