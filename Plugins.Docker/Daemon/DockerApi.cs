using System.Collections.Immutable;
using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Docker.DotNet;
using Docker.DotNet.Models;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>dockerd over its socket, by Docker.DotNet.</summary>
/// <remarks>
/// Asked are networks for their endpoints, which libnetwork answers without the container's lock: a container that is being started holds
/// that until its process runs. Names and labels of containers come from the daemon's snapshot, where they stand since the creation.
/// </remarks>
internal sealed class DockerApi(DockerSettings settings) : IDockerDaemon
{
    private const int Buffered = 1024;

    private static readonly ImmutableSortedDictionary<string, string> NoLabels = ImmutableSortedDictionary<string, string>.Empty;

    public Task<ImmutableArray<ContainerEndpoint>?> ListEndpointsAsync(string networkId, CancellationToken ct) => AskAsync(async client =>
    {
        NetworkResponse network;
        try
        {
            network = await client.Networks.InspectNetworkAsync(networkId, ct);
        }
        catch (DockerApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return (ImmutableArray<ContainerEndpoint>?)null;
        }

        // Only of this network would leave out those that are being started: the snapshot has no endpoint of theirs yet.
        var containers = (await client.Containers.ListContainersAsync(new() { All = true }, ct)).ToDictionary(c => c.ID);
        return [.. (network.Containers ?? new Dictionary<string, EndpointResource>()).Select(pair => Read(network.Name, pair, containers))];
    }, ct);

    public async IAsyncEnumerable<string> WatchAsync(DateTimeOffset since, [EnumeratorCancellation] CancellationToken ct)
    {
        // When it is full the oldest goes: whoever reads looks at a whole network each time, and a list follows a gap.
        var events = Channel.CreateBounded<string>(new BoundedChannelOptions(Buffered) { FullMode = BoundedChannelFullMode.DropOldest });
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var reading = ReadAsync(events.Writer, since, ending.Token);
        try
        {
            await foreach (var network in events.Reader.ReadAllAsync(ct))
            {
                yield return network;
            }
        }
        finally
        {
            await ending.CancelAsync();
            await reading.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        await reading;
    }

    private async Task ReadAsync(ChannelWriter<string> events, DateTimeOffset since, CancellationToken ct)
    {
        try
        {
            await AskAsync(async client =>
            {
                var wanted = new ContainerEventsParameters { Filters = Wanted(), Since = $"{since.ToUnixTimeSeconds()}" };
                await client.System.MonitorEventsAsync(wanted, new Forward(m => events.TryWrite(NetworkOf(m))), ct);
                return true;
            }, ct);
            events.TryComplete();
        }
        catch (Exception e) when (e is DaemonException or OperationCanceledException)
        {
            events.TryComplete(e);
        }
    }

    private static string NetworkOf(Message message) => message.Type == "network" ? message.Actor?.ID ?? "" : "";

    private static Dictionary<string, IDictionary<string, bool>> Wanted() => new()
    {
        ["type"] = new Dictionary<string, bool> { ["network"] = true, ["container"] = true },
        ["event"] = new Dictionary<string, bool> { ["connect"] = true, ["rename"] = true },
    };

    private static ContainerEndpoint Read(string network, KeyValuePair<string, EndpointResource> endpoint,
        Dictionary<string, ContainerListResponse> containers)
    {
        // "ep-…": no sandbox has it yet.
        var container = containers.GetValueOrDefault(endpoint.Key);
        return new(
            endpoint.Value.EndpointID, network, container?.ID ?? "", container?.Names?.FirstOrDefault()?.TrimStart('/') ?? "",
            container?.Labels?.ToImmutableSortedDictionary() ?? NoLabels);
    }

    /// <summary>One client for each question: it keeps no connection that a restarted daemon would have cut.</summary>
    private async Task<T> AskAsync<T>(Func<DockerClient, Task<T>> ask, CancellationToken ct)
    {
        try
        {
            using var configuration = new DockerClientConfiguration(new Uri(settings.Daemon));
            using var client = configuration.CreateClient();
            return await ask(client);
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is not DaemonException)
        {
            // The client throws what it is made of: sockets, streams, JSON, its own.
            throw new DaemonException($"dockerd does not answer on {settings.Daemon}: {e.Message}", e);
        }
    }

    /// <summary>At once, on the reader's thread, in order: not as <see cref="Progress{T}"/>.</summary>
    private sealed class Forward(Action<Message> told) : IProgress<Message>
    {
        public void Report(Message value) => told(value);
    }
}
