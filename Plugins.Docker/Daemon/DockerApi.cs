using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Calico.Plugins.Docker.Serving;
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
    private const string DockersIpam = "default";

    public Task<DaemonIdentity> IdentifyAsync(CancellationToken ct) => AskAsync(async client =>
    {
        var info = await client.System.GetSystemInfoAsync(ct);
        return new DaemonIdentity($"{info.ID} {info.DockerRootDir}", await ListenerAsync(ct));
    }, ct);

    public Task<ImmutableArray<DaemonNetwork>> FindNetworksAsync(ImmutableArray<string> networkIds, CancellationToken ct) =>
        AskAsync(async client =>
        {
            var found = await InspectAsync(client, networkIds, ct);
            // After the networks, so that it has every container that one of them names. Only of those networks would leave out
            // containers that are being started: the snapshot has no endpoint of theirs yet.
            var containers = found.Any(n => n.Containers is { Count: > 0 })
                ? (await client.Containers.ListContainersAsync(new() { All = true }, ct)).ToDictionary(c => c.ID)
                : [];
            return found.Select(n => DaemonReading.Read(n, containers, DockersIpam)).ToImmutableArray();
        }, ct);

    public Task<ImmutableSortedDictionary<string, ImmutableHashSet<string>>> ListEndpointIdsAsync(
        ImmutableArray<string> networkIds, CancellationToken ct) => AskAsync(
        async client => (await InspectAsync(client, networkIds, ct)).ToImmutableSortedDictionary(
            n => n.ID, n => DaemonReading.EndpointsOf(n).Select(e => e.EndpointID).ToImmutableHashSet()), ct);

    public Task<ImmutableHashSet<IPAddress>> ListTakenAsync(CancellationToken ct) => AskAsync(async client =>
    {
        var networks = await client.Networks.ListNetworksAsync(new NetworksListParameters(), ct);
        ImmutableArray<string> others = [.. networks.Where(n => n.IPAM?.Driver is not DockersIpam).Select(n => n.ID)];
        // The list tells of no endpoints.
        return (await InspectAsync(client, others, ct)).SelectMany(DaemonReading.AddressesOf).ToImmutableHashSet();
    }, ct);

    public async IAsyncEnumerable<string> WatchAsync(DateTimeOffset since, [EnumeratorCancellation] CancellationToken ct)
    {
        using var configuration = new DockerClientConfiguration(new Uri(settings.Daemon));
        using var client = configuration.CreateClient();
        using var stream = await GuardAsync(() => OpenEventsAsync(client, since, ct), ct);
        using var lines = new StreamReader(stream);
        yield return "";
        while (await GuardAsync(() => lines.ReadLineAsync(ct).AsTask(), ct) is { } line)
        {
            if (DaemonReading.NetworkOfEvent(line) is { } network)
            {
                yield return network;
            }
        }
    }

    /// <summary>Returns when dockerd has sent the head of its answer. It subscribes right after that, and what came before, back to
    /// <paramref name="since"/>, follows.</summary>
    private static Task<Stream> OpenEventsAsync(DockerClient client, DateTimeOffset since, CancellationToken ct)
    {
        var wanted = new ContainerEventsParameters { Filters = Wanted(), Since = $"{since.ToUnixTimeSeconds()}" };
#pragma warning disable CS0618 // The one that is to be used instead does not tell when the stream stands.
        return client.System.MonitorEventsAsync(wanted, ct);
#pragma warning restore CS0618
    }

    private static Dictionary<string, IDictionary<string, bool>> Wanted() => new()
    {
        ["type"] = new Dictionary<string, bool> { ["network"] = true, ["container"] = true },
        ["event"] = new Dictionary<string, bool> { ["connect"] = true, ["rename"] = true },
    };

    private static async Task<List<NetworkResponse>> InspectAsync(DockerClient client, ImmutableArray<string> ids, CancellationToken ct)
    {
        var found = new List<NetworkResponse>();
        foreach (var id in ids)
        {
            try
            {
                found.Add(await client.Networks.InspectNetworkAsync(id, ct));
            }
            catch (DockerApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                // It has no such network.
            }
        }

        return found;
    }

    private async Task<string?> ListenerAsync(CancellationToken ct)
    {
        if (!Uri.TryCreate(settings.Daemon, UriKind.Absolute, out var at) || at.Scheme != "unix")
        {
            return null;
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(at.AbsolutePath), ct);
        return PeerProcess.Of(socket);
    }

    /// <summary>One client for each question: it keeps no connection that a restarted daemon would have cut.</summary>
    private Task<T> AskAsync<T>(Func<DockerClient, Task<T>> ask, CancellationToken ct) => GuardAsync(async () =>
    {
        using var configuration = new DockerClientConfiguration(new Uri(settings.Daemon));
        using var client = configuration.CreateClient();
        return await ask(client);
    }, ct);

    private async Task<T> GuardAsync<T>(Func<Task<T>> ask, CancellationToken ct)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is not DaemonException)
        {
            // The client throws what it is made of: sockets, streams, JSON, its own.
            throw new DaemonException($"dockerd does not answer on {settings.Daemon}: {e.Message}", e);
        }
    }
}
