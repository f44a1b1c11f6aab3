using System.Collections.Frozen;
using System.Collections.Immutable;
using Calico.Plugins.Docker.Daemon;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>What dockerd says it has, as far as that can be believed.</summary>
/// <param name="Networks">Networks that it has, with their endpoints.</param>
/// <param name="Missing">Networks that it has not. Empty where it has none of them: it is another daemon than the one that calls.</param>
internal sealed record LiveEndpoints(FrozenDictionary<string, ImmutableHashSet<string>> Networks, ImmutableHashSet<string> Missing)
{
    public static readonly LiveEndpoints Unknown = new(FrozenDictionary<string, ImmutableHashSet<string>>.Empty, []);

    /// <summary>Whether it has the endpoint's network, and not the endpoint.</summary>
    public bool Lacks(Attachment endpoint) =>
        Networks.TryGetValue(endpoint.Network, out var there) && !there.Contains(endpoint.Id.Endpoint);

    /// <summary>Asks for each network. A daemon that does not answer is one that says nothing.</summary>
    public static async Task<LiveEndpoints> AskAsync(IDockerDaemon daemon, IEnumerable<string> networks, CancellationToken ct)
    {
        var found = new Dictionary<string, ImmutableHashSet<string>>(StringComparer.Ordinal);
        var missing = ImmutableHashSet.CreateBuilder<string>();
        try
        {
            foreach (var id in networks.Distinct())
            {
                if (await daemon.ListEndpointsAsync(id, ct) is { } there)
                {
                    found[id] = [.. there.Select(e => e.EndpointId)];
                }
                else
                {
                    missing.Add(id);
                }
            }
        }
        catch (DaemonException)
        {
            // The follower says so, for all.
            return Unknown;
        }

        return found.Count == 0 ? Unknown : new(found.ToFrozenDictionary(StringComparer.Ordinal), missing.ToImmutable());
    }
}
