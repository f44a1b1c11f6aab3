using System.Collections.Immutable;
using Calico.Cli.Commands.Resources;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;

namespace Calico.Cli.Endpoints;

/// <summary>Finds resources by what users type. A workload endpoint may be called by its resource's name, its container's or pod's name,
/// the beginning of its id, or one of its addresses.</summary>
internal sealed class EndpointFinder(ResourceClient client)
{
    private const int MinPrefix = 4;

    private ImmutableArray<Resource<WorkloadEndpointSpec>> _all;

    /// <summary>The keys of what was named, in that order. What is not found keeps the name that was typed.</summary>
    /// <exception cref="CliException">A short form fits several endpoints.</exception>
    internal async Task<ImmutableArray<ResourceKey>> KeysAsync(ResourceKind kind, IReadOnlyList<string> names, NamespaceChoice ns,
        CancellationToken ct)
    {
        var keys = ImmutableArray.CreateBuilder<ResourceKey>(names.Count);
        foreach (var name in names)
        {
            var key = kind.Key(ns.Of(kind), name);
            keys.Add(kind == Kinds.WorkloadEndpoint ? await ResolveAsync(key, ns, ct) : key);
        }

        return keys.MoveToImmutable();
    }

    private async Task<ResourceKey> ResolveAsync(ResourceKey typed, NamespaceChoice ns, CancellationToken ct)
    {
        var kind = Kinds.WorkloadEndpoint;
        if (_all.IsDefault)
        {
            _all = (await client.ListAsync(kind, ns.Name, ct)).Items;
        }

        if (_all.Any(endpoint => kind.KeyOf(endpoint) == typed))
        {
            return typed;
        }

        Func<Resource<WorkloadEndpointSpec>, bool>[] ways =
        [
            endpoint => EndpointName.Told(endpoint) == typed.Name || EndpointName.Of(endpoint) == typed.Name,
            endpoint => endpoint.Spec.IpNetworks?.Any(network => network.Split('/')[0] == typed.Name) == true,
            endpoint => typed.Name.Length >= MinPrefix && EndpointName.IdOf(endpoint).StartsWith(typed.Name, StringComparison.Ordinal),
        ];
        foreach (var way in ways)
        {
            switch (_all.Where(way).ToArray())
            {
                case [var only]:
                    return kind.KeyOf(only);
                case [_, _, ..] several:
                    throw new CliException($"'{typed.Name}' is more than one endpoint: "
                        + string.Join(", ", several.Take(5).Select(endpoint => $"{kind.KeyOf(endpoint)}")) + "; give one of these names");
            }
        }

        return typed;
    }
}
