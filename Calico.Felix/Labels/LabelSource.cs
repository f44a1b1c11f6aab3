using System.Collections.Immutable;

namespace Calico.Felix.Labels;

/// <summary>What endpoints have in common that come of one template: their own labels, their profiles, their named ports. Compared by
/// these.</summary>
internal sealed class LabelSource(LabelSet own, ImmutableArray<string> profiles, ImmutableArray<EndpointPort> ports)
    : IEquatable<LabelSource>
{
    public LabelSet Own { get; } = own;

    public ImmutableArray<string> Profiles => profiles;

    public ImmutableArray<EndpointPort> Ports => ports;

    /// <summary>With those that the profiles apply; one instance for all that have this source.</summary>
    public LabelSet Labels { get; set; } = own;

    /// <summary>Who has it.</summary>
    public HashSet<LabeledItem> Items { get; } = LabeledItem.NewSet();

    public bool Equals(LabelSource? other) => other is not null && Own.Equals(other.Own) && profiles.AsSpan()
        .SequenceEqual(other.Profiles.AsSpan())
        && ports.AsSpan().SequenceEqual(other.Ports.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as LabelSource);

    public override int GetHashCode() => HashCode.Combine(Own, profiles.Length, profiles.IsEmpty ? null : profiles[0], ports.Length);
}
