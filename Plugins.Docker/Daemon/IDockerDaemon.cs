using System.Collections.Immutable;
using System.Net;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>What dockerd can be asked, outside of its calls: the real one, or a test's.</summary>
internal interface IDockerDaemon
{
    /// <summary>Which daemon answers: its id with the folder of what it keeps, because two of one host may have one id; and its process.
    /// </summary>
    /// <exception cref="DaemonException">It does not answer.</exception>
    Task<DaemonIdentity> IdentifyAsync(CancellationToken ct);

    /// <summary>Networks with all of their endpoints, and with the containers those are of; one that dockerd has not is left out.</summary>
    /// <remarks>Containers are listed once, however many networks are asked for.</remarks>
    /// <exception cref="DaemonException">It does not answer.</exception>
    Task<ImmutableArray<DaemonNetwork>> FindNetworksAsync(ImmutableArray<string> networkIds, CancellationToken ct);

    /// <summary>Endpoints alone, by network; a network that dockerd has not is left out.</summary>
    /// <exception cref="DaemonException">It does not answer.</exception>
    Task<ImmutableSortedDictionary<string, ImmutableHashSet<string>>> ListEndpointIdsAsync(
        ImmutableArray<string> networkIds, CancellationToken ct);

    /// <summary>Addresses that dockerd's networks have taken from an IPAM driver, of whatever network driver: gateways, auxiliary
    /// addresses, and those of endpoints.</summary>
    /// <exception cref="DaemonException">It does not answer.</exception>
    Task<ImmutableHashSet<IPAddress>> ListTakenAsync(CancellationToken ct);

    /// <summary>First an empty id, when the stream stands: nothing that happens from then on is missed. Then ids of networks, each time a
    /// container is connected to one; an empty one when a container is renamed: any. Ends when dockerd does.</summary>
    /// <param name="since">What has happened from then on comes too.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="DaemonException">It does not answer, or the stream broke.</exception>
    IAsyncEnumerable<string> WatchAsync(DateTimeOffset since, CancellationToken ct);
}
