using System.Collections.Immutable;
using Calico.Plugins.Docker.Endpoints;
using Calico.Plugins.Docker.Networks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>Brings what dockerd never tells a driver: whose an endpoint is, and its labels.</summary>
/// <remarks>
/// By its event stream, supervised: everything is listed each time it stands again, so nothing that happened without it is missed, and a
/// list never goes beyond what the calls told. No handler waits for it. Until an endpoint's labels have come it is closed where a selector
/// in force needs them.
/// </remarks>
internal sealed partial class DaemonFollower(NetworkBook book, IDockerDaemon daemon, IWorkloadNetwork network, IWorkloadDataplane dataplane,
    IPluginLifetime lifetime, TimeProvider time, ILogger<DaemonFollower> log) : BackgroundService
{
    private const string Check = "dockerd events";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>What was written last, so that a list writes only what is new.</summary>
    private readonly Dictionary<string, ContainerEndpoint> _written = new(StringComparer.Ordinal);

    /// <summary>Writes names and labels of a network's endpoints, where they are others than before.</summary>
    /// <returns>How many were written.</returns>
    public async Task<int> FollowAsync(string networkId, CancellationToken ct)
    {
        var written = 0;
        foreach (var endpoint in await daemon.ListEndpointsAsync(networkId, ct) ?? [])
        {
            if (endpoint.ContainerId.Length == 0 || (_written.TryGetValue(endpoint.EndpointId, out var before) && IsSame(before, endpoint)))
            {
                continue;
            }

            written += await TryWriteAsync(endpoint, ct) ? 1 : 0;
        }

        return written;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.Draining);
        for (var pause = FirstPause; !ending.IsCancellationRequested;)
        {
            try
            {
                // Without a network there is nothing to follow, and maybe no Docker.
                await book.UntilAnyAsync(ending.Token);
                // Before the list: what happens meanwhile is in the stream.
                var since = time.GetUtcNow();
                await FollowEachAsync(book.Ids, ending.Token);
                lifetime.Report(Check, true, "");
                pause = FirstPause;
                await foreach (var id in daemon.WatchAsync(since, ending.Token))
                {
                    await FollowEachAsync(id.Length == 0 ? book.Ids : [id], ending.Token);
                }
            }
            catch (Exception e) when (e is DaemonException or CalicoException)
            {
                lifetime.Report(Check, false, $"{e.Message}; labels of containers come when it does");
                Log.Away(log, e.Message);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                return;
            }

            await Task.Delay(pause, time, ending.Token).ContinueWith(
                static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task FollowEachAsync(ImmutableArray<string> networks, CancellationToken ct)
    {
        await ForgetAsync(ct);
        foreach (var id in networks.Where(id => book.Find(id) is not null))
        {
            await FollowAsync(id, ct);
        }
    }

    private async Task ForgetAsync(CancellationToken ct)
    {
        var known = (await network.ListAsync(null, ct)).Select(a => a.Id.Endpoint).ToHashSet(StringComparer.Ordinal);
        foreach (var gone in _written.Keys.Where(id => !known.Contains(id)).ToArray())
        {
            _written.Remove(gone);
        }
    }

    /// <summary>One that is gone meanwhile, or is not known here, keeps no other.</summary>
    private async Task<bool> TryWriteAsync(ContainerEndpoint endpoint, CancellationToken ct)
    {
        var refused = new List<string>();
        var change = new EndpointChange(EndpointLabels.Of(endpoint, refused)) { Facts = EndpointLabels.FactsOf(endpoint) };
        try
        {
            await dataplane.UpdateAsync(EndpointCalls.IdOf(endpoint.EndpointId), change, ct);
            _written[endpoint.EndpointId] = endpoint;
            if (refused.Count > 0)
            {
                Log.NoLabel(log, endpoint.ContainerName, string.Join("; ", refused));
            }

            return true;
        }
        catch (CalicoException e)
        {
            Log.NotWritten(log, endpoint.EndpointId, e.Message);
            return false;
        }
    }

    private static bool IsSame(ContainerEndpoint a, ContainerEndpoint b) =>
        a.ContainerName == b.ContainerName && a.NetworkName == b.NetworkName && a.Labels.SequenceEqual(b.Labels);

    private static partial class Log
    {
        [LoggerMessage(7230, LogLevel.Debug, "{Reason}; tried again")]
        public static partial void Away(ILogger log, string reason);

        [LoggerMessage(7231, LogLevel.Warning, "Container {Container}: {Reasons}")]
        public static partial void NoLabel(ILogger log, string container, string reasons);

        [LoggerMessage(7232, LogLevel.Debug, "Names and labels of endpoint {Endpoint} are not written: {Reason}")]
        public static partial void NotWritten(ILogger log, string endpoint, string reason);
    }
}
