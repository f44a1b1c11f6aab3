using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Felix.Labels;

/// <summary>One state of an endpoint, as selectors see it. Those with the same labels of the same source hold one instance of them.
/// </summary>
internal sealed record LabeledItem(ItemKey Key, LabelSet Labels, ImmutableArray<Cidr> Addresses, ImmutableArray<EndpointPort> Ports)
{
    /// <summary>An empty set of states, each its own.</summary>
    public static HashSet<LabeledItem> NewSet() => new(SameState.Comparer);

    /// <summary>By reference, with the key's hash: an object's own one is made by the runtime, which takes a microsecond.</summary>
    private sealed class SameState : IEqualityComparer<LabeledItem>
    {
        public static SameState Comparer { get; } = new();

        public bool Equals(LabeledItem? left, LabeledItem? right) => ReferenceEquals(left, right);

        public int GetHashCode(LabeledItem item) => item.Key.GetHashCode();
    }
}
