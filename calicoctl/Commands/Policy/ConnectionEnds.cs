using System.Collections.Immutable;
using System.Net;
using Calico.Cli.Commands.Resources;
using Calico.Cli.Endpoints;
using Calico.Cli.Output;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;

namespace Calico.Cli.Commands.Policy;

/// <summary>Finds both ends of a connection by what users type, and the interfaces of their hosts that it passes.</summary>
/// <param name="finder">Finds workload endpoints.</param>
/// <param name="hosts">The hosts of the store.</param>
/// <param name="policy">The workloads' policy.</param>
/// <param name="stored">Everything.</param>
internal sealed class ConnectionEnds(EndpointFinder finder, StoredHosts hosts, ClusterPolicy policy, ImmutableArray<SyncUpdate> stored)
{
    private const string OfHostEndpoint = "hostendpoint/";
    private const string OfNode = "node/";

    private readonly Dictionary<ResourceKey, ImmutableArray<Cidr>> _known =
        policy.Endpoints.ToDictionary(endpoint => endpoint.Key, endpoint => endpoint.Addresses.Items);

    private readonly List<string> _assumed = [];

    /// <summary>What was taken for granted, in words.</summary>
    internal IReadOnlyList<string> Assumed => [.. _assumed.Distinct()];

    /// <summary>Both ends with addresses of one family.</summary>
    /// <param name="from">As typed.</param>
    /// <param name="to">As typed.</param>
    /// <param name="place">Namespace of the workloads that are named.</param>
    /// <param name="wantsIpv6">Null: either family.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="CliException">An end is nobody, or there is no common family.</exception>
    internal async Task<ExplainedEnd[]> FindAsync(EndQuestion from, EndQuestion to, NamespaceChoice place, bool? wantsIpv6,
        CancellationToken ct)
    {
        FoundEnd[] found = [await FindAsync(from.Name, place, ct), await FindAsync(to.Name, place, ct)];
        foreach (var isIpv6 in wantsIpv6 is { } wanted ? [wanted] : new[] { false, true })
        {
            var addresses = found.Select(end =>
                end.Addresses.Where(a => a.IsIpv6 == isIpv6).Select(a => (Cidr?)a).FirstOrDefault()).ToArray();
            if (addresses is [{ } first, { } second])
            {
                var passed = new PassedInterfaces(hosts, _assumed);
                return
                [
                    await passed.EndAsync(found[0], first, from, found[1], ct), await passed.EndAsync(found[1], second, to, found[0], ct),
                ];
            }
        }

        throw new CliException(found.FirstOrDefault(end => end.Addresses.IsEmpty) is { Node: { } lost }
            ? $"no address of host '{lost}' is known: neither its Node nor expectedIPs of a host endpoint say one"
            : $"'{from.Name}' and '{to.Name}' have no addresses of one family");
    }

    private async Task<FoundEnd> FindAsync(string name, NamespaceChoice place, CancellationToken ct)
    {
        if (name.StartsWith(OfNode, StringComparison.OrdinalIgnoreCase))
        {
            var node = name[OfNode.Length..];
            return hosts.Knows(node) ? await OfNodeAsync(node, ct) : throw new CliException($"there is no node '{node}'");
        }

        if (name.StartsWith(OfHostEndpoint, StringComparison.OrdinalIgnoreCase))
        {
            var endpoint = name[OfHostEndpoint.Length..];
            return hosts.FindEndpoint(endpoint) is { } named ? await OfHostAsync(named.Spec.Node ?? "", named, ct)
                : throw new CliException($"there is no host endpoint '{endpoint}'; calicoctl get hostendpoints lists them");
        }

        if (FindWorkload((await finder.KeysAsync(Kinds.WorkloadEndpoint, [name], place, ct))[0]) is { } workload)
        {
            return workload;
        }

        if (hosts.FindEndpoint(name) is { } found)
        {
            return await OfHostAsync(found.Spec.Node ?? "", found, ct);
        }

        if (!IPAddress.TryParse(name, out var address))
        {
            throw new CliException($"there is no workload endpoint '{name}' and no host endpoint, and it is no address; "
                + "calicoctl get workloadendpoints -A and calicoctl get hostendpoints list them");
        }

        return await OfAddressAsync(name, Cidr.From(new IPNetwork(address, address.GetAddressBytes().Length * 8)), ct);
    }

    /// <summary>Whoever has it, in whatever namespace.</summary>
    private async Task<FoundEnd> OfAddressAsync(string name, Cidr own, CancellationToken ct)
    {
        var holders = _known.Where(endpoint => endpoint.Value.Contains(own)).Select(endpoint => endpoint.Key).ToList();
        if (holders.Count > 1)
        {
            throw new CliException($"'{name}' is more than one endpoint: {string.Join(", ", holders.Take(5))}; give one of these names");
        }

        if (holders is [var holder] && FindWorkload(holder) is { } workload)
        {
            return workload;
        }

        if (await hosts.FindNodeAsync(own, ct) is { } owner)
        {
            return (await OfHostAsync(owner, null, ct)) with { Addresses = [own] };
        }

        foreach (var (node, error) in hosts.Unreadable)
        {
            _assumed.Add($"{name} is outside; Node {node}, which cannot be read ({error}), may have it");
        }

        return new(null, "", null, null, [own]);
    }

    private FoundEnd? FindWorkload(ResourceKey key) => _known.TryGetValue(key, out var known)
        && Kinds.WorkloadEndpoint.TryRead(stored.First(update => update.Key == key), out var workload)
            ? new(key, EndpointName.Of(workload), workload.Spec.Node, null, known) : null;

    /// <summary>The host as its only host endpoint; with several, or none, by the address of its Node.</summary>
    private async Task<FoundEnd> OfNodeAsync(string node, CancellationToken ct)
    {
        var judged = (await hosts.PolicyOfAsync(node, ct)).Judged;
        if (judged is [var only])
        {
            return await OfHostAsync(node, hosts.FindEndpoint(only.HostEndpoint), ct);
        }

        var found = await OfHostAsync(node, null, ct);
        if (judged.Length > 1)
        {
            var names = string.Join(", ", judged.Select(update => update.HostEndpoint).Distinct());
            _assumed.Add($"node {node} is taken by its "
                + $"address {found.Addresses.Select(address => address.ToShortString()).FirstOrDefault("")}, "
                + $"of its host endpoints ({names}); hostendpoint/NAME says one");
        }

        return found;
    }

    /// <summary>The host itself, perhaps as one of its host endpoints.</summary>
    private async Task<FoundEnd> OfHostAsync(string node, Resource<HostEndpointSpec>? endpoint, CancellationToken ct)
    {
        if (hosts.Unreadable.TryGetValue(node, out var error))
        {
            _assumed.Add($"Node {node} cannot be read ({error}): what of it is legible is taken");
        }

        var host = await hosts.PolicyOfAsync(node, ct);
        var judged = host.Judged.Where(update => endpoint is null || update.HostEndpoint == endpoint.Metadata.Name).ToList();
        if (endpoint is not null && judged.Count == 0)
        {
            throw new CliException($"host endpoint '{endpoint.Metadata.Name}' judges no interface of node '{node}': "
                + (host.Judged.IsEmpty ? "none with its name or addresses is there"
                    : string.Join(", ", host.Judged.Select(update =>
                        $"{host.Describe(update.InterfaceName)} is judged by {update.HostEndpoint}"))));
        }

        var onThem = judged.SelectMany(update => host.Interfaces.GetValueOrDefault(update.InterfaceName, []));
        var expected = endpoint is null ? [] : StoredHosts.ExpectedOf(endpoint);
        return new(null, $"host {node}", node, endpoint?.Metadata.Name,
            [.. expected.Concat(endpoint is null ? hosts.AddressesOf(node).Concat(onThem) : onThem.Concat(hosts.AddressesOf(node)))
                .Concat(endpoint is null ? [.. hosts.FurtherAddressesOf(node), .. await hosts.OwnAddressesAsync(node, ct)] : [])
                .Where(address => !IPAddress.IsLoopback(address.FirstAddress())).Distinct()]);
    }
}
