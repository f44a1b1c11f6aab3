using System.Collections.Immutable;
using System.Globalization;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Calculation;
using Calico.Felix.Output;

namespace Calico.Felix.Explaining;

/// <summary>The compiled programs of one host's interfaces, and the settings that decide beside them.</summary>
/// <remarks>Which host endpoint has which interface is its node's own matter, so this is what that node's graph makes of the same
/// resources. Immutable after <see cref="Compile"/>; safe to read from any thread.</remarks>
public sealed class HostPolicy
{
    /// <summary>No link is called so: a slash is not taken in one's name.</summary>
    private const string Assumed = "address/";

    private readonly Dictionary<string, HostInterfaceUpdate> _judged = new(StringComparer.Ordinal);

    private HostPolicy(string node) => Node = node;

    public string Node { get; }

    /// <summary>Failsafe ports, what becomes of workloads' traffic to the host.</summary>
    public NodeSettings Settings { get; private set; } = new();

    /// <summary>Names of the node's host endpoints, also of those that judge no interface.</summary>
    public ImmutableArray<string> HostEndpoints { get; private init; } = [];

    /// <summary>The interfaces that some host endpoint judges, by name; <c>*</c> is all others.</summary>
    public ImmutableArray<HostInterfaceUpdate> Judged =>
        [.. _judged.Values.OrderBy(update => update.InterfaceName, StringComparer.Ordinal)];

    /// <summary>The interfaces with their addresses, as the host or, without it, the host endpoints say.</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<Cidr>> Interfaces { get; private init; } =
        ImmutableSortedDictionary<string, ImmutableArray<Cidr>>.Empty;

    internal CompiledPrograms Programs { get; } = new();

    /// <summary>Compiles what the store holds, for one node.</summary>
    /// <param name="stored">Every resource, also those that cannot be read.</param>
    /// <param name="node">Whose host; it need not be there.</param>
    /// <param name="interfaces">The host's own with their addresses; null: nobody asked it. Then each interface that a host endpoint names
    /// is taken to have the addresses that it expects, and one that is known by addresses alone stands for an interface with them.</param>
    /// <param name="followsServices">As of <see cref="CalculationGraph"/>.</param>
    public static HostPolicy Compile(ImmutableArray<SyncUpdate> stored, string node,
        IReadOnlyDictionary<string, ImmutableArray<Cidr>>? interfaces = null, bool followsServices = false)
    {
        var places = stored.Where(update => Kinds.HostEndpoint.Owns(update.Key)).Select(HostEndpointPlace.Read).OfType<HostEndpointPlace>()
            .Where(place => place.Node == node).OrderBy(place => place.Name, StringComparer.Ordinal).ToList();
        var policy = new HostPolicy(node)
        {
            HostEndpoints = [.. places.Select(place => place.Name)],
            Interfaces = (interfaces ?? AssumedOf(places)).ToImmutableSortedDictionary(StringComparer.Ordinal),
        };
        var graph = new CalculationGraph(node, followsServices);
        foreach (var (name, addresses) in policy.Interfaces)
        {
            graph.SetInterface(name, addresses);
        }

        // Without a host endpoint its settings are all that can matter.
        StoredEndpoints.Tell(graph, places.Count > 0 ? stored : stored.Where(update => Kinds.FelixConfiguration.Owns(update.Key)),
            endpoint => endpoint.Node == node);
        foreach (var update in policy.Programs.Take(graph))
        {
            if (update is HostInterfaceUpdate judged)
            {
                policy._judged[judged.InterfaceName] = judged;
            }
            else if (update is SettingsUpdate settings)
            {
                policy.Settings = settings.Settings;
            }
        }

        return policy;
    }

    /// <summary>What judges an interface; null: no host endpoint does.</summary>
    public HostInterfaceUpdate? On(string interfaceName) =>
        _judged.GetValueOrDefault(interfaceName) ?? _judged.GetValueOrDefault(HostInterfaceUpdate.AllInterfaces);

    /// <summary>What judges an interface, as <see cref="EnforcedText"/> says it; empty: no host endpoint does.</summary>
    public ImmutableArray<string> TextOf(string interfaceName) =>
        On(interfaceName) is { } judged ? [.. EnforcedText.Of(judged, id => Programs.Lists.GetValueOrDefault(id))] : [];

    /// <summary>What an interface is called: one that is known by addresses alone, by them.</summary>
    public string Describe(string interfaceName) => interfaceName.StartsWith(Assumed, StringComparison.Ordinal)
        ? $"the interface with {string.Join(", ", Interfaces[interfaceName].Select(address => address.ToShortString()))}"
        : interfaceName == HostInterfaceUpdate.AllInterfaces ? "any other interface" : interfaceName;

    private static Dictionary<string, ImmutableArray<Cidr>> AssumedOf(List<HostEndpointPlace> places)
    {
        var assumed = new Dictionary<string, ImmutableArray<Cidr>>(StringComparer.Ordinal);
        foreach (var place in places.Where(place => !place.IsOfAllInterfaces && place.InterfaceName.Length > 0))
        {
            assumed[place.InterfaceName] = [.. assumed.GetValueOrDefault(place.InterfaceName, []), .. place.Addresses];
        }

        var known = assumed.Values.SelectMany(addresses => addresses).ToHashSet();
        foreach (var place in places.Where(place => place.InterfaceName.Length == 0 && !place.Addresses.Any(known.Contains)))
        {
            assumed[string.Create(CultureInfo.InvariantCulture, $"{Assumed}{assumed.Count}")] = place.Addresses;
            known.UnionWith(place.Addresses);
        }

        return assumed;
    }
}
