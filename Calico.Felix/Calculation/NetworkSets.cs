using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;
using Calico.Felix.Labels;

namespace Calico.Felix.Calculation;

/// <summary>NetworkSet and GlobalNetworkSet: ranges with labels, which rules name as they name endpoints.</summary>
/// <remarks>One of a namespace has the labels of its namespace, as an endpoint there.</remarks>
internal sealed class NetworkSets(EndpointLabels labels)
{
    /// <summary>Prefix of the profiles that hold the labels of namespaces.</summary>
    private const string NamespaceProfile = "kns.";

    /// <param name="key">Of the resource.</param>
    /// <param name="own">Its labels; null: none.</param>
    /// <param name="nets">Addresses and ranges. What is neither stands for nobody: the store's reader has validated the resource.</param>
    public void Set(ResourceKey key, ImmutableSortedDictionary<string, string>? own, ImmutableArray<string> nets)
    {
        own ??= ImmutableSortedDictionary<string, string>.Empty;
        var isGlobal = key.Namespace.Length == 0;
        labels.Set(
            Item(key),
            isGlobal ? own : own.SetItem(EffectiveSelector.NamespaceLabel, key.Namespace),
            isGlobal ? [] : [NamespaceProfile + key.Namespace],
            [.. nets.Select(net => Cidr.TryParse(net, out var cidr) ? cidr : (Cidr?)null).OfType<Cidr>().Distinct()],
            []);
    }

    /// <summary>The set is gone, or cannot be read: then it has no members.</summary>
    public void Remove(ResourceKey key) => labels.Remove(Item(key));

    /// <summary>No endpoint of another node has a name like it: theirs begin with their namespace.</summary>
    private static ItemKey Item(ResourceKey key) => new(false, key.ToString());
}
