using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Felix.Labels;

/// <summary>One state of an endpoint, as selectors see it.</summary>
internal sealed record LabeledItem(ItemKey Key, IReadOnlyDictionary<string, string> Labels, ImmutableArray<Cidr> Addresses,
    ImmutableArray<EndpointPort> Ports);
