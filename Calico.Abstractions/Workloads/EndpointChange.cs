using System.Collections.Immutable;

namespace Calico;

/// <summary>A change of an endpoint; null leaves a part as it is.</summary>
/// <param name="Labels">Replaces all labels and ends <see cref="EndpointSpec.LabelsPending"/>.</param>
/// <param name="Profiles">Replaces the profiles.</param>
/// <param name="Ports">Replaces the published ports.</param>
public sealed record EndpointChange(ImmutableSortedDictionary<string, string>? Labels = null,
    ImmutableArray<string>? Profiles = null, ImmutableArray<PublishedPort>? Ports = null)
{
    /// <summary>Replaces <see cref="EndpointSpec.Facts"/>.</summary>
    public ImmutableSortedDictionary<string, string>? Facts { get; init; }
}
