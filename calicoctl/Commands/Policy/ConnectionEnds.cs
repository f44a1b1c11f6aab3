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
    internal IReadOnlyList<string> Assumed => _assumed;

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
        Found[] found = [await FindAsync(from.Name, place, ct), await FindAsync(to.Name, place, ct)];
        foreach (var isIpv6 in wantsIpv6 is { } wanted ? [wanted] : new[] { false, true })
        {
            var addresses = found.Select(end =>
                end.Addresses.Where(a => a.IsIpv6 == isIpv6).Select(a => (Cidr?)a).FirstOrDefault()).ToArray();
            if (addresses is [{ } first, { } second])
            {
                // On one host no packet passes an interface that matters.
                var isInside = found[0].Node is { Length: > 0 } node && node == found[1].Node;
                return [await EndAsync(found[0], first, from, isInside, ct), await EndAsync(found[1], second, to, isInside, ct)];
            }
        }

        throw new CliException(found.FirstOrDefault(end => end.Addresses.IsEmpty) is { Node: { } lost }
            ? $"no address of host '{lost}' is known: neither its Node nor expectedIPs of a host endpoint say one"
            : $"'{from.Name}' and '{to.Name}' have no addresses of one family");
    }

    private async Task<Found> FindAsync(string name, NamespaceChoice place, CancellationToken ct)
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

        var key = (await finder.KeysAsync(Kinds.WorkloadEndpoint, [name], place, ct))[0];
        if (_known.TryGetValue(key, out var known)
            && Kinds.WorkloadEndpoint.TryRead(stored.First(update => update.Key == key), out var workload))
        {
            return new(key, EndpointName.Of(workload), workload.Spec.Node, null, known);
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

        var own = Cidr.From(new IPNetwork(address, address.GetAddressBytes().Length * 8));
        return hosts.FindNode(own) is { } owner ? (await OfHostAsync(owner, null, ct)) with { Addresses = [own] }
            : new(null, "", null, null, [own]);
    }

    /// <summary>The host as its only host endpoint; with several, or none, by the address of its Node.</summary>
    private async Task<Found> OfNodeAsync(string node, CancellationToken ct)
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
            _assumed.Add($"node {node} is taken by its address {found.Addresses.Select(address => address.ToShortString()).FirstOrDefault("")}, "
                + $"of its host endpoints ({names}); hostendpoint/NAME says one");
        }

        return found;
    }

    /// <summary>The host itself, perhaps as one of its host endpoints.</summary>
    private async Task<Found> OfHostAsync(string node, Resource<HostEndpointSpec>? endpoint, CancellationToken ct)
    {
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
                .Where(address => !IPAddress.IsLoopback(address.FirstAddress())).Distinct()]);
    }

    private async Task<ExplainedEnd> EndAsync(Found found, Cidr address, EndQuestion question, bool isInside, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(found.Node))
        {
            return question.Interface is null ? new(found.Name, new(found.Key, address))
                : throw new CliException($"{question.InterfaceOption}: '{question.Name}' is on no host that the store knows of");
        }

        var host = await hosts.PolicyOfAsync(found.Node, ct);
        return new(found.Name, new(found.Key, address, new(host, isInside ? "" : InterfaceOf(host, found, address, question))));
    }

    /// <summary>The interface that its connections to others pass; empty: no host endpoint judges any.</summary>
    private string InterfaceOf(HostPolicy host, Found found, Cidr address, EndQuestion question)
    {
        if (question.Interface is { } wanted)
        {
            return wanted;
        }

        var candidates = host.Judged.Where(update => found.HostEndpoint is null || update.HostEndpoint == found.HostEndpoint)
            .Select(update => update.InterfaceName).ToList();
        if (candidates.Count == 0)
        {
            return "";
        }

        // A host's own connections come from the interface with their address, others from the one with the node's.
        var own = found.Key is null ? [address] : hosts.AddressesOf(host.Node).Where(a => a.IsIpv6 == address.IsIpv6).ToArray();
        var with = host.Interfaces.Where(link => link.Value.Any(own.Contains)).Select(link => link.Key).FirstOrDefault();
        if (with is not null && (found.HostEndpoint is null || host.On(with)?.HostEndpoint == found.HostEndpoint))
        {
            // A workload's packets may pass any of them.
            if (found.Key is not null && host.Judged.Any(update => update.HostEndpoint != host.On(with)?.HostEndpoint))
            {
                _assumed.Add($"the packet passes host {host.Node} by {host.Describe(with)}, which has the node's address; "
                    + $"{question.InterfaceOption} says another");
            }

            return with;
        }

        if (candidates.Count > 1 || found.HostEndpoint is null)
        {
            _assumed.Add($"the packet passes host {host.Node} by {host.Describe(candidates[0])}"
                + (candidates.Count == 1 ? ", the only one that a host endpoint judges"
                    : $", one of {candidates.Count} that host endpoints judge") + $"; {question.InterfaceOption} says another");
        }

        return candidates[0];
    }

    /// <param name="Key">Of a workload; null: none.</param>
    /// <param name="Name">For people; empty: an address alone.</param>
    /// <param name="Node">Where it is; null or empty: nobody knows.</param>
    /// <param name="HostEndpoint">That was named; null: none.</param>
    /// <param name="Addresses">Of which one is taken.</param>
    private sealed record Found(ResourceKey? Key, string Name, string? Node, string? HostEndpoint, ImmutableArray<Cidr> Addresses);}
