using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Calico.Felix.Labels;

/// <summary>Which source came of which very objects: endpoints of one template that are read together have one object for their labels and
/// one for their profiles, so that nothing need be compared.</summary>
/// <remarks>Ports are not asked. What it has forgotten is found by its content.</remarks>
internal sealed class RecentSources
{
    private const int Places = 256;

    private readonly Entry?[] _entries = new Entry?[Places];

    public LabelSource? Find(ImmutableSortedDictionary<string, string> own, ImmutableArray<string> profiles) =>
        _entries[PlaceOf(own, profiles)] is { } entry && ReferenceEquals(entry.Own, own) && entry.Profiles == profiles
            ? entry.Source : null;

    public void Keep(ImmutableSortedDictionary<string, string> own, ImmutableArray<string> profiles, LabelSource source) =>
        _entries[PlaceOf(own, profiles)] = new(own, profiles, source);

    private static int PlaceOf(ImmutableSortedDictionary<string, string> own, ImmutableArray<string> profiles) =>
        (RuntimeHelpers.GetHashCode(own) ^ profiles.GetHashCode()) & (Places - 1);

    /// <param name="Own">Compared by identity.</param>
    /// <param name="Profiles">Compared by identity.</param>
    /// <param name="Source">What came of them.</param>
    private sealed record Entry(ImmutableSortedDictionary<string, string> Own, ImmutableArray<string> Profiles, LabelSource Source);
}
