using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Labels;

namespace Calico.Felix.Calculation;

/// <summary>NetworkSet and GlobalNetworkSet: ranges with labels, which rules name as they name endpoints.</summary>
/// <remarks>One of a namespace has the labels of its namespace, as an endpoint there.</remarks>
internal sealed class NetworkSets(EndpointLabels labels)
{
    /// <summary>Prefix of the profiles that hold the labels of namespaces.</summary>
    private const string NamespaceProfile = "kns.";

    /// <summary>One that is gone or cannot be read has no members.</summary>
    public void Apply(SyncUpdate update)
    {
        if (Kinds.NetworkSet.TryRead(update, out var set))
        {
            Set(update.Key, set.Metadata.Labels, set.Spec.Nets ?? []);
        }
        else if (Kinds.GlobalNetworkSet.TryRead(update, out var global))
        {
            Set(update.Key, global.Metadata.Labels, global.Spec.Nets ?? []);
        }
        else
        {
            labels.Remove(Item(update.Key));
        }
    }

    /// <param name="key">Of the resource.</param>
    /// <param name="own">Its labels; null: none.</param>
    /// <param name="nets">Addresses and ranges. What is neither stands for nobody: the store's reader has validated the resource.</param>
    private void Set(ResourceKey key, ImmutableSortedDictionary<string, string>? own, ImmutableArray<string> nets)
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

    /// <summary>No endpoint of another node has a scope like it: theirs is a namespace.</summary>
    private static ItemKey Item(ResourceKey key) => new(false, $"{key.Kind}:{key.Namespace}", key.Name);
}
