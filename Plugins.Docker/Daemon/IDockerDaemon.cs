using System.Collections.Immutable;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>What dockerd can be asked, outside of its calls: the real one, or a test's.</summary>
internal interface IDockerDaemon
{
    /// <summary>A network's endpoints now, all of them; null: dockerd has no such network.</summary>
    /// <exception cref="DaemonException">It does not answer.</exception>
    Task<ImmutableArray<ContainerEndpoint>?> ListEndpointsAsync(string networkId, CancellationToken ct);

    /// <summary>Ids of networks, each time a container is connected to one; an empty one when a container is renamed: any. Ends when
    /// dockerd does.</summary>
    /// <param name="since">What has happened from then on comes too.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="DaemonException">It does not answer, or the stream broke.</exception>
    IAsyncEnumerable<string> WatchAsync(DateTimeOffset since, CancellationToken ct);
}
