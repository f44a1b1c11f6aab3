using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Felix.Labels;

/// <summary>One state of an endpoint, as selectors see it. Those with the same labels of the same source hold one instance of them.</summary>
internal sealed record LabeledItem(ItemKey Key, LabelSet Labels, ImmutableArray<Cidr> Addresses, ImmutableArray<EndpointPort> Ports);
