using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Calico.Plugins.Docker.Daemon;

namespace Calico.UnitTests.Docker;

/// <summary>A dockerd that has the endpoints a test gives it, and is away when it says so.</summary>
internal sealed class FakeDaemon : IDockerDaemon
{
    private Channel<string> _events = Channel.CreateUnbounded<string>();

    /// <summary>By network.</summary>
    public ConcurrentDictionary<string, ImmutableArray<ContainerEndpoint>> Endpoints { get; } = new();

    public bool IsAway { get; set; }

    public void Tell(string networkId) => _events.Writer.TryWrite(networkId);

    /// <summary>It ends, and its stream with it.</summary>
    public void Stop()
    {
        IsAway = true;
        Interlocked.Exchange(ref _events, Channel.CreateUnbounded<string>()).Writer.TryComplete(new DaemonException("it ended"));
    }

    public Task<ImmutableArray<ContainerEndpoint>?> ListEndpointsAsync(string networkId, CancellationToken ct) => IsAway
        ? throw new DaemonException("it is away")
        : Task.FromResult(Endpoints.TryGetValue(networkId, out var found) ? found : (ImmutableArray<ContainerEndpoint>?)null);

    public async IAsyncEnumerable<string> WatchAsync(DateTimeOffset since, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var network in _events.Reader.ReadAllAsync(ct))
        {
            yield return network;
        }
    }
}
