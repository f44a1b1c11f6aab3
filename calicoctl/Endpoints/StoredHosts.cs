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

    /// <summary>A host endpoint by its name; null: there is none.</summary>
    internal Resource<HostEndpointSpec>? FindEndpoint(string name) => _endpoints.FirstOrDefault(endpoint => endpoint.Metadata.Name == name);

    /// <summary>Whether anything in the store is of such a node.</summary>
    internal bool Knows(string node) => _nodes.ContainsKey(node) || _endpoints.Any(endpoint => endpoint.Spec.Node == node);

    /// <summary>The node that has an address, by its Node or by what its host endpoints expect; null: none has.</summary>
    internal string? FindNode(Cidr address) => _nodes.Keys.FirstOrDefault(node => AddressesOf(node).Contains(address))
        ?? _endpoints.FirstOrDefault(endpoint => ExpectedOf(endpoint).Contains(address))?.Spec.Node;

    /// <summary>Addresses that a node's resource says; empty: none, or there is no such node.</summary>
    internal IEnumerable<Cidr> AddressesOf(string node) => !_nodes.TryGetValue(node, out var spec) ? []
        : new[] { spec.Bgp?.Ipv4Address, spec.Bgp?.Ipv6Address }.Concat((spec.Addresses ?? []).Select(address => address.Address))
            .Select(text => text?.Split('/')[0]).Select(text => Read(text)).OfType<Cidr>();

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

    private async Task<Dictionary<string, ImmutableArray<Cidr>>?> InterfacesOfAsync(string node, CancellationToken ct)
    {
        if (!_endpoints.Any(endpoint => endpoint.Spec.Node == node))
        {
            return null;
        }

        try
        {
            var answer = await HostClient.GetAsync(environment.HostSocket, "/interfaces", HostJson.Default.HostLinks, ct);
            return answer.Node != node ? null : answer.Interfaces.ToDictionary(link => link.Name,
                link => link.Addresses.Select(Read).OfType<Cidr>().ToImmutableArray(), StringComparer.Ordinal);
        }
        catch (CliException)
        {
            // No host here, or not for this user: the store is what there is.
            return null;
        }
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
            if (Kinds.Node.TryRead(update, out var node))
            {
                nodes[node.Metadata.Name] = node.Spec;
            }
        }

        return nodes.ToImmutable();
    }

    private static Cidr? Read(string? text) =>
        IPAddress.TryParse(text, out var address) ? Cidr.From(new IPNetwork(address, address.GetAddressBytes().Length * 8)) : null;
}
