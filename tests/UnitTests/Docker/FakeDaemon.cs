using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
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

    /// <summary>What is said of networks beside their endpoints; of the others nothing.</summary>
    public ConcurrentDictionary<string, DaemonNetwork> Networks { get; } = new();

    /// <summary>Addresses of networks of other drivers.</summary>
    public ImmutableHashSet<IPAddress> Taken { get; set; } = [];

    /// <summary>Its id, and the process that listens.</summary>
    public DaemonIdentity Identity { get; set; } = new("daemon-1", null);

    public bool IsAway { get; set; }

    /// <summary>Is told before the stream stands.</summary>
    public Func<Task> BeforeStream { get; set; } = () => Task.CompletedTask;

    public void Tell(string networkId) => _events.Writer.TryWrite(networkId);

    /// <summary>It ends, and its stream with it.</summary>
    public void Stop()
    {
        IsAway = true;
        Interlocked.Exchange(ref _events, Channel.CreateUnbounded<string>()).Writer.TryComplete(new DaemonException("it ended"));
    }

    public Task<DaemonIdentity> IdentifyAsync(CancellationToken ct) => IsAway ? throw Away() : Task.FromResult(Identity);

    public Task<ImmutableArray<DaemonNetwork>> FindNetworksAsync(ImmutableArray<string> networkIds, CancellationToken ct) => IsAway
        ? throw Away()
        : Task.FromResult(networkIds.Where(Endpoints.ContainsKey).Select(id =>
            Networks.GetValueOrDefault(id, new() { Id = id, Name = "blue" }) with { Endpoints = Endpoints[id] }).ToImmutableArray());

    public Task<ImmutableSortedDictionary<string, ImmutableHashSet<string>>> ListEndpointIdsAsync(
        ImmutableArray<string> networkIds, CancellationToken ct) => IsAway
        ? throw Away()
        : Task.FromResult(networkIds.Where(Endpoints.ContainsKey).ToImmutableSortedDictionary(
            id => id, id => Endpoints[id].Select(e => e.EndpointId).ToImmutableHashSet()));

    public Task<ImmutableHashSet<IPAddress>> ListTakenAsync(CancellationToken ct) => IsAway ? throw Away() : Task.FromResult(Taken);

    public async IAsyncEnumerable<string> WatchAsync(DateTimeOffset since, [EnumeratorCancellation] CancellationToken ct)
    {
        if (IsAway)
        {
            throw Away();
        }

        await BeforeStream();
        yield return "";
        await foreach (var network in _events.Reader.ReadAllAsync(ct))
        {
            yield return network;
        }
    }

    private static DaemonException Away() => new("it is away");
}
