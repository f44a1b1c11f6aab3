using System.Collections.Immutable;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>What dockerd says it has, as far as that can be believed.</summary>
/// <param name="Daemon">Which daemon answered; null: none was asked, or it did not answer.</param>
/// <param name="Networks">Networks that it has, with their endpoints.</param>
/// <param name="Missing">Networks of its own that it has no more, or never finished.</param>
/// <param name="Processes">That are known to be this daemon's.</param>
internal sealed record LiveEndpoints(string? Daemon, ImmutableSortedDictionary<string, ImmutableHashSet<string>> Networks,
    ImmutableHashSet<string> Missing, ImmutableHashSet<string> Processes)
{
    public static readonly LiveEndpoints Unknown = new(null, ImmutableSortedDictionary<string, ImmutableHashSet<string>>.Empty, [], []);

    /// <summary>Whether it has the endpoint's network, and not the endpoint.</summary>
    public bool Lacks(Attachment endpoint) =>
        Networks.TryGetValue(endpoint.Network, out var there) && !there.Contains(endpoint.Id.Endpoint);
}
